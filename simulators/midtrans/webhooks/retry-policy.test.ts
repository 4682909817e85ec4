import { describe, expect, it } from 'vitest';
import { type AttemptOutcome, nextRetryInMs, retriesAllowed } from './retry-policy.ts';

const answered = (httpStatus: number): AttemptOutcome => ({ kind: 'answer', httpStatus });

describe('How often Midtrans repeats a notification', () => {
  it.each([
    [200, 0],
    [204, 0],
    [301, 0],
    [302, 0],
    [303, 0],
    [500, 1],
    [400, 2],
    [404, 2],
    [503, 4],
    [401, 5],
    [429, 5],
    [502, 5],
    [304, 5],
  ])('after an answer %i: %i times', (httpStatus, retries) => {
    expect(retriesAllowed(answered(httpStatus))).toBe(retries);
  });

  it.each([
    { kind: 'timeout' },
    { kind: 'connection-failure', detail: 'ECONNREFUSED' },
    { kind: 'too-many-redirects' },
  ] as const)('after $kind: 5 times', (outcome) => {
    expect(retriesAllowed(outcome)).toBe(5);
  });

  it('waits 2, 10, 30, 90 and 210 minutes, then gives up', () => {
    const gaps = [0, 1, 2, 3, 4, 5].map((retriesDone) => nextRetryInMs({ kind: 'timeout' }, retriesDone, 0));
    expect(gaps).toEqual([120_000, 600_000, 1_800_000, 5_400_000, 12_600_000, null]);
  });

  it('shifts each gap, so that the first retry may come after 33 seconds', () => {
    expect(nextRetryInMs({ kind: 'timeout' }, 0, -1)).toBe(33_000);
    expect(nextRetryInMs({ kind: 'timeout' }, 0, 1)).toBe(207_000);
  });
});
