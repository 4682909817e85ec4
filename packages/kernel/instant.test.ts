import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fixedClock, systemClock } from './clock.ts';
import { formatInstant, fromDate, parseInstant, toDate } from './instant.ts';

describe('An instant', () => {
  it.each([
    ['2026-11-21T09:30:00Z', '2026-11-21T09:30:00.000Z'],
    ['2026-11-21T16:30:00.1234567+07:00', '2026-11-21T09:30:00.123Z'],
    ['1969-12-31T23:59:59.999Z', '1969-12-31T23:59:59.999Z'],
  ])('%s leaves the system as %s', (text, shown) => {
    expect(formatInstant(parseInstant(text))).toBe(shown);
  });

  it('survives text and PostgreSQL to the millisecond', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1e12, max: 4e12 }), (epochMs) => {
        const instant = Temporal.Instant.fromEpochMilliseconds(epochMs);
        expect(parseInstant(formatInstant(instant)).equals(instant)).toBe(true);
        expect(fromDate(toDate(instant)).equals(instant)).toBe(true);
      }),
    );
  });

  it.each(['', '2026-11-21', '2026-11-21T09:30:00', '2026-02-30T00:00:00Z', 'now'])('is not %j', (text) => {
    expect(() => parseInstant(text)).toThrow(RangeError);
  });
});

describe('A clock', () => {
  it('that is fixed moves when it is moved', () => {
    const clock = fixedClock(parseInstant('2026-11-21T09:30:00Z'));
    expect(clock.now()).toEqual(clock.now());
    clock.advance({ hours: 24 });
    expect(formatInstant(clock.now())).toBe('2026-11-22T09:30:00.000Z');
  });

  it('of the system has whole milliseconds, as what is stored has', () => {
    expect(systemClock.now().epochNanoseconds % 1_000_000n).toBe(0n);
  });
});
