import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Authority, nextRoot, type Root, tendRoots, vouchingRoot } from './roots.ts';

const HOUR = 3_600_000;
const policy = { certificateLifeMs: HOUR, rotateEveryMs: 720 * HOUR };
const START = Date.UTC(2026, 0, 1);

let made = 0;
const makeRoot = (nowMs: number): Root => ({
  id: `root-${++made}`,
  certificate: '',
  expiresAtMs: nowMs + 4 * policy.rotateEveryMs + 2 * HOUR,
  sealedKey: '',
  announcedAtMs: nowMs,
  vouchesSinceMs: null,
  retiredAtMs: null,
  calledBy: null,
});
const tend = (authority: Authority | null, nowMs: number, calledBy?: string): Authority => {
  const tended = tendRoots(authority, policy, { nowMs, makeRoot, ...(calledBy === undefined ? {} : { calledBy }) });
  if (tended === null) throw new Error('there is always an authority');
  return tended;
};
const ids = ({ roots }: Authority) => [vouchingRoot(roots)?.id, nextRoot(roots)?.id];

describe('The roots', () => {
  it('are two from the first moment: one that vouches and the one that will', () => {
    const first = tend(null, START);
    expect(first.roots).toHaveLength(2);
    expect(vouchingRoot(first.roots)).toMatchObject({ vouchesSinceMs: START, retiredAtMs: null });
    expect(nextRoot(first.roots)?.vouchesSinceMs).toBeNull();
  });

  it('stay the same object while nothing is due', () => {
    const first = tend(null, START);
    expect(tend(first, START + 719 * HOUR)).toBe(first);
  });

  it('change by the schedule: the next vouches, the one before it stays until what it signed has expired', () => {
    const first = tend(null, START);
    const [vouching, next] = ids(first);
    const at = START + 720 * HOUR;
    const second = tend(first, at);
    expect(ids(second)[0]).toBe(next);
    expect(second.roots.find(({ id }) => id === vouching)?.retiredAtMs).toBe(at);
    expect(second.roots).toHaveLength(3);
    expect(tend(second, at + 2 * HOUR - 1)).toBe(second);
    expect(tend(second, at + 2 * HOUR).roots.map(({ id }) => id)).not.toContain(vouching);
  });

  it('change when an operator says so, and say who it was', () => {
    const first = tend(null, START);
    const second = tend(first, START + HOUR, 'usr_1');
    expect(ids(second)[0]).toBe(ids(first)[1]);
    expect(vouchingRoot(second.roots)?.calledBy).toBe('usr_1');
  });

  it('do not vouch before whoever holds a certificate has heard of them', () => {
    const first = tend(null, START);
    expect(tend(first, START + HOUR - 1, 'usr_1')).toBe(first);
  });

  it('begin anew when everything was off until all had expired, with a version that is newer', () => {
    const first = tend(null, START);
    const late = START + 5 * 720 * HOUR;
    const again = tend(first, late);
    expect(again.roots).toHaveLength(2);
    expect(again.roots.map(({ id }) => id)).not.toContain(first.roots[0]?.id);
    expect(again.version).toBeGreaterThan(first.version);
    // A bucket that was lost takes the number with it.
    expect(tend(null, late + 1).version).toBeGreaterThan(again.version);
  });

  it('never break the chain of anybody: what was signed stays vouched for as long as it is good', () => {
    const step = fc.record({ afterMs: fc.integer({ min: 1, max: 900 * HOUR }), isCalled: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        let nowMs = START;
        let authority = tend(null, nowMs);
        const signed: { rootId: string; untilMs: number }[] = [];
        for (const { afterMs, isCalled } of steps) {
          nowMs += afterMs;
          authority = tend(authority, nowMs, isCalled ? 'usr_1' : undefined);
          const vouching = vouchingRoot(authority.roots);
          expect(
            authority.roots.filter((root) => root.vouchesSinceMs !== null && root.retiredAtMs === null),
          ).toHaveLength(1);
          expect(nextRoot(authority.roots)).toBeDefined();
          signed.push({ rootId: vouching?.id ?? '', untilMs: nowMs + HOUR });
          for (const { rootId, untilMs } of signed)
            if (untilMs > nowMs) expect(authority.roots.map(({ id }) => id)).toContain(rootId);
        }
      }),
    );
  });
});
