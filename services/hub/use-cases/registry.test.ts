import { connectNats, type Nats } from '@tenantry/events/nats.ts';
import { openSharedState, type SharedState } from '@tenantry/events/shared-state.ts';
import { fixedClock } from '@tenantry/kernel/clock.ts';
import { createLogger } from '@tenantry/kit/logger.ts';
import { type InstanceRecord, REGISTRY_BUCKET } from '@tenantry/mesh/registry.ts';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { type BeatStore, openBeatStore } from '../store/beat-store.ts';
import { type Departures, openDepartures } from '../store/departures.ts';
import { announcement, newNamespace } from '../test/hubs.ts';
import { Leases } from './leases.ts';
import { Registry } from './registry.ts';

let nats: Nats;
let state: SharedState<InstanceRecord>;
let beats: BeatStore;
let departures: Departures;
let registry: Registry;
let nowMs: number;
let isConnected: boolean;

beforeEach(async () => {
  nats = await connectNats({ url: inject('natsUrl'), name: 'registry', namespace: newNamespace() });
  state = await openSharedState<InstanceRecord>(nats, REGISTRY_BUCKET);
  beats = await openBeatStore(nats);
  departures = await openDepartures(nats);
  nowMs = 50_000;
  isConnected = true;
  registry = new Registry({
    state,
    // Nothing is pushed to this hub: it is as if every push were late.
    beats: { ...beats, all: () => [], onBeat: () => undefined },
    departures,
    leases: new Leases({ leaseMs: 6_000, heartbeatMs: 2_000 }, () => nowMs),
    ownId: 'hub-1',
    isConnected: () => isConnected,
    clock: fixedClock(Temporal.Instant.from('2026-11-21T09:30:00.000Z')),
    logger: createLogger({ service: 'hub', instanceId: 'hub-1', level: 'silent' }),
  });
});
afterEach(async () => {
  await departures.close();
  await beats.close();
  await state.close();
  await nats.close();
});

const heartbeat = (record: InstanceRecord, sequence: number) =>
  ({ generation: record.generation, sequence, status: 'up' }) as const;

describe('A lease that is over', () => {
  it('ends the record, and is noted', async () => {
    const record = await registry.register(announcement('billing'));
    nowMs += 6_000;
    await registry.sweep();
    expect(registry.records).toEqual([]);
    await expect(registry.renew(record.instanceId, heartbeat(record, 1))).rejects.toThrow(/Register it again/);
  });

  it('is not over when another hub heard the instance and its word has not come yet', async () => {
    const record = await registry.register(announcement('billing'));
    nowMs += 6_000;
    await beats.share(record, heartbeat(record, 1));
    await registry.sweep();
    expect(registry.records).toEqual([record]);
    nowMs += 6_000;
    // That word is old by now.
    await registry.sweep();
    expect(registry.records).toEqual([]);
  });

  it('is left alone while the other hubs cannot be heard', async () => {
    const record = await registry.register(announcement('billing'));
    isConnected = false;
    nowMs += 60_000;
    await registry.sweep();
    expect(registry.records).toEqual([record]);
  });

  it('does not end a registration that was made anew in the meantime', async () => {
    const announced = announcement('billing');
    await registry.register({ ...announced, attempt: 1 });
    nowMs += 6_000;
    const [again] = await Promise.all([registry.register({ ...announced, attempt: 2 }), registry.sweep()]);
    await registry.sweep();
    expect(registry.records).toEqual([again]);
  });
});
