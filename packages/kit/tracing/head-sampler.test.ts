import { newTraceId, readTraceParent } from '@tenantry/kernel/trace-parent.ts';
import { describe, expect, it, vi } from 'vitest';
import { HeadSampler } from './head-sampler.ts';

const sampler = (ratio: number, requestedPerSecond = 0) => new HeadSampler({ ratio, requestedPerSecond });
const flagged = (traceId: string, flags = '01') => `00-${traceId}-00f067aa0ba902b7-${flags}`;

describe('Which traces are recorded', () => {
  it('is a share of them, the same ones for everybody who decides', () => {
    const ids = Array.from({ length: 20_000 }, newTraceId);
    expect(ids.filter((id) => sampler(0).chooses(id))).toEqual([]);
    expect(ids.filter((id) => sampler(1).chooses(id))).toHaveLength(ids.length);
    const chosen = ids.filter((id) => sampler(0.25).chooses(id));
    // Five standard deviations of a fair draw.
    expect(Math.abs(chosen.length - 5_000)).toBeLessThan(5 * Math.sqrt(20_000 * 0.25 * 0.75));
    for (const id of chosen) expect(sampler(0.5).chooses(id)).toBe(true);
  });

  it('is said in the trace that is passed on', () => {
    const next = sampler(1).enter(undefined);
    expect(readTraceParent(next)?.isSampled).toBe(true);
    expect(readTraceParent(sampler(0).enter(undefined))?.isSampled).toBe(false);
  });

  it('is asked for by clients so often in a second, whatever ids they make up', () => {
    const limited = sampler(1, 5);
    // An id that would be chosen were it ours.
    const ask = () =>
      Array.from({ length: 1_000 }, () => limited.enter(flagged(`${'a'.repeat(24)}00000000`))).filter(
        (header) => readTraceParent(header)?.isSampled,
      );
    vi.useFakeTimers();
    try {
      expect(ask()).toHaveLength(5);
      expect(ask()).toEqual([]);
      vi.advanceTimersByTime(1_000);
      expect(ask()).toHaveLength(5);
    } finally {
      vi.useRealTimers();
    }
  });

  it('is not ours to say of a trace whose beginning said no', () => {
    const traceId = newTraceId();
    const next = readTraceParent(sampler(1, 5).enter(flagged(traceId, '00')));
    expect(next).toMatchObject({ traceId, isSampled: false });
  });
});
