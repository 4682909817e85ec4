import { newId, type TenantId } from '@tenantry/kernel/id.ts';
import type { Discovery } from '@tenantry/mesh/discovery.ts';
import type { InstanceRecord } from '@tenantry/mesh/registry.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Instance } from './instance.ts';
import { PeakEwma } from './peak-ewma.ts';
import { Upstreams } from './upstreams.ts';

let nowMs: number;
let records: InstanceRecord[];
let changed: () => void;
let upstreams: Upstreams;

const record = (name: string): InstanceRecord => ({
  instanceId: `notes-${name}`,
  service: 'notes',
  url: 'http://127.0.0.1:1',
  publicKey: { kty: 'EC', crv: 'P-256', x: 'x', y: 'y' },
  status: 'up',
  generation: 1,
  registeredAt: '2026-11-21T09:30:00.000Z',
  endpoints: [],
});

const discovery: Discovery = {
  isKnown: () => true,
  instancesOf: () => records,
  all: () => records,
  issuerOf: async () => null,
  onChange: (listener) => {
    changed = listener;
  },
  close: async () => undefined,
};

const refuse = (instance: Instance): void => instance.fail(instance.acquire() ?? 0, 1, 'unreachable');
const answer = (instance: Instance, latencyMs: number): void => instance.succeed(instance.acquire() ?? 0, latencyMs);
const named = (name: string): Instance => {
  const found = upstreams.instancesOf('notes').find(({ record: { instanceId } }) => instanceId === `notes-${name}`);
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
};

beforeEach(() => {
  nowMs = 100_000;
  records = [record('a'), record('b')];
  let turn = 0;
  upstreams = new Upstreams({ discovery, monotonicMs: () => nowMs, random: () => [0.1, 0.6, 0.9][turn++ % 3] ?? 0 });
});
afterEach(() => upstreams.close());

const picks = (count = 30): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (let i = 0; i < count; i++) {
    const id = upstreams.pick('notes', null, [])?.record.instanceId ?? 'none';
    counts[id] = (counts[id] ?? 0) + 1;
  }
  return counts;
};

describe('The balancer', () => {
  it('prefers who answers faster, and among equals who has less to do', () => {
    answer(named('a'), 100);
    answer(named('b'), 10);
    expect(picks()).toEqual({ 'notes-b': 30 });
    for (let i = 0; i < 20; i++) named('b').acquire();
    expect(picks()).toEqual({ 'notes-a': 30 });
  });

  it('skips who refused a connection, for a while that grows', () => {
    refuse(named('a'));
    answer(named('b'), 5_000);
    expect(picks()).toEqual({ 'notes-b': 30 });
    nowMs += 501;
    expect(named('a').isEjected).toBe(false);
    refuse(named('a'));
    nowMs += 501;
    expect(named('a').isEjected).toBe(true);
    nowMs += 500;
    expect(named('a').isEjected).toBe(false);
  });

  it('never skips the last', () => {
    refuse(named('a'));
    refuse(named('b'));
    expect(upstreams.pick('notes', null, [])).toBeDefined();
    expect(upstreams.pick('notes', null, [named('a'), named('b')])).toBeUndefined();
  });

  it('follows the registry and wakes who waits for it', async () => {
    const waiting = upstreams.nextChange(60_000);
    records = [record('c')];
    changed();
    await waiting;
    expect(picks(3)).toEqual({ 'notes-c': 3 });
    expect(upstreams.instancesOf('unheard-of')).toEqual([]);
  });

  it('keeps what it knows of an instance when the registry changes around it', () => {
    refuse(named('a'));
    records = [...records, record('c')];
    changed();
    expect(named('a').isEjected).toBe(true);
  });
});

describe('Peak EWMA', () => {
  it('jumps up at once and comes down slowly', () => {
    const latency = new PeakEwma();
    latency.observe(10, 0);
    latency.observe(500, 10);
    expect(latency.load(0, 10)).toBe(500);
    latency.observe(10, 1_000);
    expect(latency.load(0, 1_000)).toBeGreaterThan(400);
    latency.observe(10, 60_000);
    expect(latency.load(0, 60_000)).toBeLessThan(12);
  });

  it('lets a newcomer have one request and then waits for its answer', () => {
    const latency = new PeakEwma();
    expect(latency.load(0, 0)).toBe(0);
    expect(latency.load(1, 0)).toBe(100);
  });
});

describe('Instances of one tenant', () => {
  const placed = (name: string, tenants: readonly TenantId[] | null): InstanceRecord & { tenants: typeof tenants } => ({
    ...record(name),
    tenants,
  });
  const [acme, globex] = [newId('ten'), newId('ten')];
  const idsFor = (tenantId: TenantId | null): string[] => upstreams.instancesOf('notes', tenantId).map(({ id }) => id);

  it('answer it instead of the shared ones, and nobody else ever sees them', () => {
    records = [placed('shared', null), placed('own', [acme])];
    changed();
    expect(idsFor(acme)).toEqual(['notes-own']);
    for (const other of [globex, null]) expect(idsFor(other)).toEqual(['notes-shared']);
    expect(upstreams.pick('notes', acme, [])?.id).toBe('notes-own');
    expect(upstreams.pick('notes', globex, [])?.id).toBe('notes-shared');
    records = [placed('shared', null)];
    changed();
    expect(idsFor(acme)).toEqual(['notes-shared']);
    records = [placed('own', [acme])];
    changed();
    expect(idsFor(globex)).toEqual([]);
    expect(upstreams.pick('notes', globex, [])).toBeUndefined();
  });
});
