import { describe, expect, it } from 'vitest';
import { deadlineAfter, deadlineAt, earlierDeadline, isExpired, remainingMs, shrinkDeadline } from './deadline.ts';

describe('A deadline', () => {
  it('is an instant, so that what remains shrinks as time passes and never goes below nothing', () => {
    const deadline = deadlineAfter(8_000, 1_000);
    expect(deadline).toEqual({ expiresAtMs: 9_000 });
    expect(remainingMs(deadline, 3_000)).toBe(6_000);
    expect(remainingMs(deadline, 9_500)).toBe(0);
  });
  it('has expired at its instant, not after it', () => {
    expect(isExpired(deadlineAt(9_000), 8_999)).toBe(false);
    expect(isExpired(deadlineAt(9_000), 9_000)).toBe(true);
  });
  it('is shortened by the next hop, whichever of the two is named first', () => {
    const [near, far] = [deadlineAt(4_000), deadlineAt(6_000)];
    expect(earlierDeadline(near, far)).toBe(near);
    expect(earlierDeadline(far, near)).toBe(near);
    expect(earlierDeadline(far, undefined)).toBe(far);
  });
  it('shrinks by a margin for the way back, and a negative margin does not lengthen it', () => {
    expect(shrinkDeadline(deadlineAt(6_000), 50)).toEqual({ expiresAtMs: 5_950 });
    expect(shrinkDeadline(deadlineAt(6_000), -50)).toEqual({ expiresAtMs: 6_000 });
  });
  it('refuses an epoch that is not a number: it would never expire', () => {
    expect(() => deadlineAt(Number.NaN)).toThrow(RangeError);
    expect(() => deadlineAfter(Number.POSITIVE_INFINITY, 0)).toThrow(RangeError);
  });
});
