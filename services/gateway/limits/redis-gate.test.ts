import { describe, expect, it } from 'vitest';
import { RedisGate } from './redis-gate.ts';

describe('The gate to Redis', () => {
  it('lets nobody wait for a Redis that hangs, then nobody ask for a while, and still takes its late answer', async () => {
    let nowMs = 0;
    const gate = new RedisGate(() => nowMs);
    const { promise, resolve } = Promise.withResolvers<string>();
    const late: string[] = [];
    expect(
      await gate.ask(
        () => promise,
        (value) => late.push(value),
      ),
    ).toBeNull();
    expect(gate.isAway).toBe(true);
    expect(await gate.ask(() => Promise.reject(new Error('must not be asked')))).toBeNull();
    resolve('late');
    await promise;
    expect(late).toEqual(['late']);
    nowMs += 500;
    expect(await gate.ask(async () => 'back')).toBe('back');
  });

  it('does not blame Redis when this process was busy', async () => {
    const gate = new RedisGate(() => 0);
    // As a socket's data does, the answer comes after the timers of a turn.
    const asked = gate.ask(
      () => new Promise<string>((resolve) => setTimeout(() => setImmediate(() => resolve('here')), 1)),
    );
    const until = performance.now() + 150;
    while (performance.now() < until);
    expect(await asked).toBe('here');
    expect(gate.isAway).toBe(false);
  });
});
