import { describe, expect, it } from 'vitest';
import { continueTrace, derivedHop, isSampled, readTraceParent, spanIdOf, writeTraceParent } from './trace-parent.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

describe('The flag of a trace', () => {
  it.each([
    ['00', false],
    ['01', true],
    ['02', false],
    ['03', true],
    ['0b', true],
    ['0c', false],
    ['ff', true],
    ['fe', false],
  ])('%s says whether it is recorded: %s', (flags, expected) => {
    const header = `00-${TRACE}-${SPAN}-${flags}`;
    expect(readTraceParent(header)).toEqual({ traceId: TRACE, spanId: SPAN, isSampled: expected });
    const next = continueTrace(header);
    expect(isSampled(next)).toBe(expected);
    expect(readTraceParent(next)?.isSampled).toBe(expected);
  });
});

describe('A derived hop', () => {
  it('is the same again for the same number, and another one for another', () => {
    for (const first of '0123456789abcdef') {
      const parent = writeTraceParent(TRACE, `${first}${SPAN.slice(1)}`, true);
      const hops = Array.from({ length: 15 }, (_, index) => derivedHop(parent, index + 1));
      expect(new Set([parent, ...hops]).size).toBe(16);
      expect(derivedHop(parent, 3)).toBe(hops[2]);
      for (const hop of hops) {
        expect(readTraceParent(hop)).toMatchObject({ traceId: TRACE, isSampled: true });
        expect(spanIdOf(hop).slice(1)).toBe(SPAN.slice(1));
      }
    }
  });
});
