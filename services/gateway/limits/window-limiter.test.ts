import { describe, expect, it } from 'vitest';
import { RedisGate } from './redis-gate.ts';
import { WindowLimiter } from './window-limiter.ts';

const POLICY = { name: 'notes.guess', limit: 3, windowSeconds: 10 };

describe('A window', () => {
  it('that is used up is not asked about again until it ends, and counts anew then', async () => {
    let nowMs = 1_000;
    let asked = 0;
    let endsAtMs = 0;
    let count = 0;
    const limiter = new WindowLimiter({
      count: async (_key, windowMs) => {
        asked++;
        if (nowMs >= endsAtMs) [count, endsAtMs] = [0, nowMs + windowMs];
        return { count: ++count, resetMs: endsAtMs - nowMs };
      },
      gate: new RedisGate(() => nowMs),
      gateways: () => 1,
      monotonicMs: () => nowMs,
    });
    const allowed = async (): Promise<boolean> => (await limiter.take('a', POLICY)).isAllowed;
    expect([await allowed(), await allowed(), await allowed(), await allowed()]).toEqual([true, true, true, false]);
    nowMs += 4_000;
    expect(limiter.take('a', POLICY)).toMatchObject({ isAllowed: false, retryAfterMs: 6_000, remaining: 0 });
    expect(limiter.take('b', POLICY)).toBeInstanceOf(Promise);
    expect(asked).toBe(5);
    nowMs += 6_000;
    expect(await allowed()).toBe(true);
  });
});
