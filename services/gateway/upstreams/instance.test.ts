import { describe, expect, it } from 'vitest';
import { createBalancing } from './balancing/create-balancing.ts';
import { Instance } from './instance.ts';
import { InstanceGroup } from './instance-group.ts';

const SLOW_START_MS = 2_000;

function groupOf(count: number) {
  const clock = { nowMs: 100_000 };
  const moves: string[] = [];
  const instances = Array.from(
    { length: count },
    (_, index) =>
      new Instance({ instanceId: `notes-${index}`, service: 'notes', url: 'http://127.0.0.1:1' }, () => clock.nowMs, {
        onBreaker: ({ instanceId }, { to }) => moves.push(`${instanceId} ${to}`),
      }),
  );
  let draws = 0;
  const group = new InstanceGroup({
    balancing: createBalancing('round-robin', Math.random),
    slowStartMs: SLOW_START_MS,
    monotonicMs: () => clock.nowMs,
    random: () => (draws++ % 10) / 10,
    instances,
  });
  const send = (instance: Instance, isFailed = false): void => {
    const permit = instance.acquire();
    if (permit === null) throw new Error('The breaker refuses.');
    if (isFailed) instance.fail(permit, 1, null);
    else instance.succeed(permit, 1);
  };
  /** Its breaker opens, and closes when its time is up and what is tried goes well. */
  const breakAndRecover = (instance: Instance): void => {
    for (let i = 0; i < 20; i++) send(instance, true);
    expect(instance.isHealthy).toBe(false);
    clock.nowMs += 5_000;
    for (let i = 0; i < 5; i++) send(instance);
  };
  const turnsOf = (instance: Instance): number =>
    Array.from({ length: 100 }, () => group.pick([], '')).filter((picked) => picked === instance).length;
  return { clock, moves, instances, send, breakAndRecover, turnsOf };
}

describe('An instance whose breaker has closed again', () => {
  it('begins with few of its turns while its peer is there, and refuses none that it gets', () => {
    const { clock, moves, instances, send, breakAndRecover, turnsOf } = groupOf(2);
    const [one] = instances as [Instance, Instance];
    breakAndRecover(one);
    expect(moves).toEqual(['notes-0 open', 'notes-0 half-open', 'notes-0 closed']);
    expect(one.recoveredAtMs).toBe(clock.nowMs);
    expect(turnsOf(one)).toBeLessThan(15);
    for (let i = 0; i < 50; i++) send(one);
    clock.nowMs += SLOW_START_MS;
    expect(turnsOf(one)).toBe(50);
  });

  it('takes everything at once when it is the only one', () => {
    const { instances, send, breakAndRecover, turnsOf } = groupOf(1);
    const [one] = instances as [Instance];
    breakAndRecover(one);
    expect(turnsOf(one)).toBe(100);
    for (let i = 0; i < 50; i++) send(one);
  });
});

describe('A client that leaves', () => {
  it('says nothing of an instance that had its time, and everything of one that kept it waiting', () => {
    const { instances } = groupOf(1);
    const [one] = instances as [Instance];
    const leave = (afterMs: number): void => {
      const permit = one.acquire();
      if (permit === null) throw new Error('The breaker refuses.');
      one.abandon(permit, afterMs);
    };
    for (let i = 0; i < 100; i++) leave(9_999);
    expect(one.isHealthy).toBe(true);
    // Everybody gives up on one that hangs before its deadline does: nobody would ever count it.
    for (let i = 0; i < 20; i++) leave(10_000);
    expect(one.isHealthy).toBe(false);
    expect(one.inFlight).toBe(0);
  });

  it('gives the place of a probe back', () => {
    const { clock, instances, send } = groupOf(1);
    const [one] = instances as [Instance];
    for (let i = 0; i < 20; i++) send(one, true);
    clock.nowMs += 5_000;
    const permits = Array.from({ length: 5 }, () => one.acquire());
    expect(permits).not.toContain(null);
    expect(one.acquire()).toBeNull();
    for (const permit of permits) if (permit !== null) one.abandon(permit, 1);
    for (let i = 0; i < 5; i++) send(one);
    expect(one.isHealthy).toBe(true);
  });
});

describe('An instance that answers everything, but too late', () => {
  it('is held back by its breaker as one that fails', () => {
    const { instances } = groupOf(1);
    const [one] = instances as [Instance];
    for (let i = 0; i < 20; i++) {
      const permit = one.acquire();
      if (permit === null) throw new Error('The breaker refuses.');
      one.succeed(permit, i < 4 ? 1 : 10_000);
    }
    expect(one.isHealthy).toBe(false);
  });
});
