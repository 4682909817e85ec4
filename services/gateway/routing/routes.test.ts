import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createLogger } from '@tenantry/kit/logger.ts';
import type { Discovery } from '@tenantry/mesh/discovery.ts';
import { keepRecord } from '@tenantry/mesh/keep-record.ts';
import type { EndpointRecord, InstanceRecord } from '@tenantry/mesh/registry.ts';
import { beforeEach, describe, expect, it } from 'vitest';
import { Routes } from './routes.ts';

const logger = createLogger({ service: 'gateway', instanceId: 'gateway-test', level: 'silent' });

const endpoint = (path: string, more: Partial<EndpointRecord> = {}): EndpointRecord => ({
  ...{ name: `things.read${path.replaceAll(/[^a-z0-9]/g, '-')}`, method: 'GET', path, access: 'principal' },
  ...{ permission: 'thing:read', reach: 'own', idempotency: false, rateLimit: null, maxBodyBytes: 0 },
  openapi: {
    path,
    method: 'get',
    operation: { operationId: path, responses: { 200: { description: 'Success' } } },
  },
  ...more,
});

let known: Map<string, InstanceRecord>;
let listeners: (() => void)[];
let routes: Routes;

/** What the registry says, as it comes: as text. */
function register(service: string, name: string, generation: number, endpoints: readonly EndpointRecord[]): void {
  const record: InstanceRecord = {
    ...{ instanceId: `${service}-${name}`, service, url: 'http://127.0.0.1:1', status: 'up', generation },
    ...{ publicKey: { kty: 'EC', crv: 'P-256', x: 'x', y: 'y' }, registeredAt: '2026-11-22T00:00:00Z' },
    endpoints,
  };
  const told = JSON.parse(JSON.stringify(record)) as InstanceRecord;
  known.set(record.instanceId, keepRecord(told, known));
  for (const listener of listeners) listener();
}

function leave(service: string, name: string): void {
  known.delete(`${service}-${name}`);
  for (const listener of listeners) listener();
}

const found = (path: string) => routes.table.find('GET', path);

beforeEach(() => {
  known = new Map();
  listeners = [];
  const discovery: Discovery = {
    isKnown: () => true,
    instancesOf: () => [],
    all: () => [...known.values()],
    issuerOf: async () => null,
    onChange: (listener) => void listeners.push(listener),
    close: async () => undefined,
  };
  routes = new Routes(discovery, [], logger);
});

describe('The routes of the services', () => {
  it('stay the very same when a service is started again, whatever the order of leaving and coming', () => {
    register('things', 'a', 1, [endpoint('/v1/things/:thingId')]);
    const before = found('/v1/things/1');
    const state = before?.state;
    let changes = 0;
    routes.onChange(() => changes++);
    register('things', 'b', 2, [endpoint('/v1/things/:thingId')]);
    leave('things', 'a');
    leave('things', 'b');
    expect(found('/v1/things/1')).toBe(before);
    register('things', 'c', 3, [endpoint('/v1/things/:thingId')]);
    expect(found('/v1/things/1')).toBe(before);
    expect(found('/v1/things/1')?.state).toBe(state);
    expect(changes).toBe(0);
  });

  it('follow a newer release, and keep what only the older one has while that runs', () => {
    register('things', 'a', 1, [endpoint('/v1/things/:thingId'), endpoint('/v1/old-things')]);
    const untouched = found('/v1/things/1');
    register('things', 'b', 2, [endpoint('/v1/things/:thingId'), endpoint('/v1/new-things', { maxBodyBytes: 10 })]);
    expect(found('/v1/old-things')).toBeDefined();
    leave('things', 'a');
    expect(found('/v1/old-things')).toBeUndefined();
    expect(found('/v1/new-things')?.endpoint.maxBodyBytes).toBe(10);
    register('things', 'c', 3, [endpoint('/v1/things/:thingId'), endpoint('/v1/new-things', { maxBodyBytes: 20 })]);
    expect(found('/v1/new-things')?.endpoint.maxBodyBytes).toBe(20);
    leave('things', 'b');
    expect(found('/v1/things/1')).toBe(untouched);
    expect(routes.endpoints.map(({ path }) => path)).toEqual(['/v1/things/:thingId', '/v1/new-things']);
  });

  it('are not touched by what another service registers', () => {
    register('things', 'a', 1, [endpoint('/v1/things/:thingId')]);
    const before = found('/v1/things/1');
    register('plans', 'a', 2, [endpoint('/v1/plans')]);
    register('plans', 'b', 3, [endpoint('/v1/plans/:planId')]);
    expect(found('/v1/things/1')).toBe(before);
    expect(routes.services).toEqual(['plans', 'things']);
  });

  it('of a thousand tenants take less than a kilobyte each, with all that the registry says of them', () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const heapBytes = (): number => {
      collect();
      return process.memoryUsage().heapUsed;
    };
    const before = heapBytes();
    for (let service = 0; service < 20; service++)
      register(
        `products${String.fromCharCode(97 + service)}`,
        'a',
        service,
        Array.from({ length: 1_000 }, (_, index) => {
          const tenant = service * 50 + Math.floor(index / 20);
          return endpoint(`/v1/products/p${tenant}/things${index % 20}/:thingId`);
        }),
      );
    const bytesEach = (heapBytes() - before) / 20_000;
    expect(found('/v1/products/p999/things19/1')).toBeDefined();
    expect(bytesEach).toBeLessThan(1_000);
  });
});
