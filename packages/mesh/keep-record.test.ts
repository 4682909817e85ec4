import { describe, expect, it } from 'vitest';
import { keepRecord } from './keep-record.ts';
import { type EndpointRecord, type InstanceRecord, operationOf } from './registry.ts';

const operation = { path: '/v1/notes/{noteId}', method: 'get', operation: { operationId: 'notes.read-note' } };
const endpoint = (path: string): EndpointRecord => ({
  ...{ name: 'notes.read-note', method: 'GET', path, access: 'principal', permission: 'note:read', reach: 'own' },
  ...{ idempotency: false, rateLimit: null, maxBodyBytes: 0, openapi: operation },
});
const record = (name: string, path = '/v1/notes/:noteId', service = 'notes'): InstanceRecord => ({
  ...{ instanceId: `${service}-${name}`, service, url: 'http://127.0.0.1:1', status: 'up', generation: 1 },
  ...{ publicKey: { kty: 'EC', crv: 'P-256', x: 'x', y: 'y' }, registeredAt: '2026-11-22T00:00:00Z' },
  endpoints: [endpoint(path)],
});
const kept = (one: InstanceRecord, ...others: readonly InstanceRecord[]): InstanceRecord =>
  keepRecord(structuredClone(one), new Map(others.map((other) => [other.instanceId, other])));

describe('A record of the registry, as a process keeps it', () => {
  it('says all that was registered, and can be kept again', () => {
    const once = kept(record('a'));
    expect(once.endpoints.map(operationOf)).toEqual([operation]);
    expect({ ...once.endpoints[0], openapi: operation }).toEqual(endpoint('/v1/notes/:noteId'));
    expect(kept(once)).toEqual(once);
  });

  it('shares its endpoints with whoever of its service has registered the same', () => {
    const first = kept(record('a'));
    expect(kept(record('b'), first).endpoints).toBe(first.endpoints);
    expect(kept(record('a'), first).endpoints).toBe(first.endpoints);
  });

  it('shares nothing with a newer release, nor with another service', () => {
    const first = kept(record('a'));
    expect(kept(record('b', '/v1/notes/:id'), first).endpoints).not.toBe(first.endpoints);
    expect(kept(record('a', '/v1/notes/:noteId', 'users'), first).endpoints).not.toBe(first.endpoints);
  });
});
