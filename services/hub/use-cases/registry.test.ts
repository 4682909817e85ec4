import { fixedClock } from '@tenantry/kernel/clock.ts';
import { newUuid } from '@tenantry/kernel/id.ts';
import { createLogger } from '@tenantry/kit/logger.ts';
import type { InstanceRecord } from '@tenantry/mesh/registry.ts';
import { beforeEach, describe, expect, it } from 'vitest';
import type { RegistryStore } from '../store/registry-store.ts';
import { Registry } from './registry.ts';

const TERMS = { leaseMs: 6_000, heartbeatMs: 2_000 };

/** A bucket in memory that can be made to fail. */
function memoryStore() {
  const stored = new Map<string, InstanceRecord>();
  let generation = 0;
  const state = { fails: false };
  const attempt = async (write: () => void): Promise<void> => {
    if (state.fails) throw new Error('no bucket');
    write();
  };
  const store: RegistryStore = {
    put: (record) => attempt(() => stored.set(record.instanceId, record)),
    remove: (record) => attempt(() => stored.delete(record.instanceId)),
    load: async () => [...stored.values()],
    nextGeneration: async () => ++generation,
    reopen: async () => undefined,
  };
  return { store, stored, state };
}

let nowMs: number;
let memory: ReturnType<typeof memoryStore>;
let registry: Registry;

const build = () =>
  new Registry({
    store: memory.store,
    terms: TERMS,
    clock: fixedClock(Temporal.Instant.from('2026-11-21T09:30:00.000Z')),
    monotonicMs: () => nowMs,
    logger: createLogger({ service: 'hub', instanceId: 'hub', level: 'silent' }),
  });

const announce = (service: string, url: string) =>
  registry.register({
    instanceId: `${service}-${newUuid()}`,
    service,
    url,
    publicKey: { kty: 'OKP', crv: 'Ed25519', x: 'x' },
    endpoints: [],
  });
const services = () => registry.records.map((record) => record.service).toSorted();

beforeEach(() => {
  nowMs = 50_000;
  memory = memoryStore();
  registry = build();
});

describe('A registry', () => {
  it('has the successor in the bucket before the dead predecessor leaves it', async () => {
    await announce('billing', 'http://h:1');
    const order: string[] = [];
    const { put, remove } = memory.store;
    Object.assign(memory.store, {
      put: (record: InstanceRecord) => {
        order.push('put');
        return put(record);
      },
      remove: (record: InstanceRecord) => {
        order.push('remove');
        return remove(record);
      },
    });
    await announce('billing', 'http://h:1');
    expect(order).toEqual(['put', 'remove']);
  });

  it('gives every registration a higher generation, also when many come at once', async () => {
    const records = await Promise.all([1, 2, 3, 4].map((port) => announce('billing', `http://h:${port}`)));
    expect(records.map((record) => record.generation)).toEqual([1, 2, 3, 4]);
  });

  it('keeps most of its instances through a common silence and takes them back when they beat', async () => {
    const records = await Promise.all(['a', 'b', 'c', 'd'].map((name, port) => announce(name, `http://h:${port}`)));
    nowMs += 6_000;
    await registry.sweep();
    expect(registry.isPreserving).toBe(true);
    expect(services()).toEqual(['a', 'b', 'c', 'd']);
    for (const record of records.slice(1)) registry.renew(record.instanceId);
    await registry.sweep();
    expect(registry.isPreserving).toBe(false);
    expect(services()).toEqual(['b', 'c', 'd']);
  });

  it('gives silent instances up when the silence lasts three windows', async () => {
    await Promise.all(['a', 'b', 'c'].map((name, port) => announce(name, `http://h:${port}`)));
    nowMs += 6_000;
    await registry.sweep();
    nowMs += 3 * TERMS.leaseMs - 1;
    await registry.sweep();
    expect(services()).toEqual(['a', 'b', 'c']);
    nowMs += 1;
    await registry.sweep();
    expect(services()).toEqual([]);
  });

  it('does not count the time in which the hub itself did not run', async () => {
    await announce('billing', 'http://h:1');
    nowMs += 20_000;
    registry.excuseAbsence(20_000);
    await registry.sweep();
    expect(services()).toEqual(['billing']);
    nowMs += TERMS.leaseMs;
    await registry.sweep();
    expect(services()).toEqual([]);
  });

  it('tries again to remove what could not be removed', async () => {
    await announce('billing', 'http://h:1');
    nowMs += TERMS.leaseMs;
    memory.state.fails = true;
    await expect(registry.sweep()).rejects.toThrow('no bucket');
    expect(services()).toEqual(['billing']);
    memory.state.fails = false;
    await registry.sweep();
    expect(services()).toEqual([]);
  });

  it('refills a bucket that was lost and removes from it what it does not know', async () => {
    const record = await announce('billing', 'http://h:1');
    memory.stored.clear();
    memory.stored.set('stray', { ...record, instanceId: 'stray' });
    await registry.reconcile();
    expect([...memory.stored.values()]).toEqual([record]);
  });
});
