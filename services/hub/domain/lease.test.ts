import { describe, expect, it } from 'vitest';
import { judgeLeases, PRESERVATION_WINDOWS } from './lease.ts';

const TERMS = { leaseMs: 6_000, heartbeatMs: 2_000 };
const beats = (...agesMs: number[]) => new Map(agesMs.map((ageMs, index) => [`i${index}`, 100_000 - ageMs]));
const judge = (leases: Map<string, number>, preservation: { sinceMs: number } | null = null, nowMs = 100_000) =>
  judgeLeases(leases, preservation, nowMs, TERMS);

describe('Leases', () => {
  it('keeps whoever beat within the lease', () => {
    expect(judge(beats(0, 1_999, 5_999))).toEqual({ expired: [], preservation: null, change: null });
  });

  it('ends the lease of one that missed three beats', () => {
    expect(judge(beats(0, 6_000, 100)).expired).toEqual(['i1']);
  });

  it('ends both of two: two are too few to tell a network from its instances', () => {
    expect(judge(beats(6_000, 7_000)).expired).toEqual(['i0', 'i1']);
  });

  it('keeps everybody when most fall silent together, also those whose lease ends a beat later', () => {
    const verdict = judge(beats(6_000, 4_500, 4_100, 0, 0));
    expect(verdict).toEqual({ expired: [], preservation: { sinceMs: 100_000 }, change: 'entered' });
  });

  it('does not enter self-preservation before a lease has ended', () => {
    expect(judge(beats(5_000, 5_000, 5_000))).toEqual({ expired: [], preservation: null, change: null });
  });

  it('treats exactly half as their own fault', () => {
    expect(judge(beats(6_000, 6_000, 6_000, 0, 0, 0)).expired).toHaveLength(3);
  });

  it('gives up after three windows', () => {
    const leases = beats(30_000, 30_000, 30_000);
    const until = PRESERVATION_WINDOWS * TERMS.leaseMs;
    expect(judge(leases, { sinceMs: 100_000 - until + 1 })).toMatchObject({ expired: [], change: null });
    expect(judge(leases, { sinceMs: 100_000 - until })).toMatchObject({
      expired: ['i0', 'i1', 'i2'],
      preservation: null,
      change: 'gave-up',
    });
  });

  it('leaves self-preservation when enough are heard of again, and then expires the rest', () => {
    expect(judge(beats(0, 0, 0, 9_000), { sinceMs: 95_000 })).toEqual({
      expired: ['i3'],
      preservation: null,
      change: 'left',
    });
  });
});
