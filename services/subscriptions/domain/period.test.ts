import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Anchor, boundary, calendarMonth, type Interval, periodAt, periodNotOver } from './period.ts';

const at = (text: string): Temporal.Instant => Temporal.ZonedDateTime.from(text).toInstant();
const local = (instant: Temporal.Instant, timeZone: string): string =>
  instant.toZonedDateTimeISO(timeZone).toPlainDateTime().toString();
const anchored = (text: string): Anchor => {
  const zoned = Temporal.ZonedDateTime.from(text);
  return { at: zoned.toInstant(), timeZone: zoned.timeZoneId };
};
const starts = (anchor: Anchor, interval: Interval, count: number): string[] =>
  Array.from({ length: count }, (_, index) => local(boundary(anchor, interval, index), anchor.timeZone).slice(0, 10));

describe('A monthly period', () => {
  it('keeps the 31st: 31 January, 28 February, 31 March, 30 April', () => {
    const anchor = anchored('2027-01-31T10:00:00[Asia/Jakarta]');
    expect(starts(anchor, 'month', 5)).toEqual(['2027-01-31', '2027-02-28', '2027-03-31', '2027-04-30', '2027-05-31']);
  });

  it('has 29 February in a leap year', () => {
    expect(starts(anchored('2028-01-31T10:00:00[Asia/Jakarta]'), 'month', 3)).toEqual([
      '2028-01-31',
      '2028-02-29',
      '2028-03-31',
    ]);
  });

  it('keeps the time of day when the clocks change, so it is an hour shorter or longer', () => {
    const anchor = anchored('2027-03-14T09:00:00[Europe/Berlin]');
    const { start, end } = periodAt(anchor, 'month', 0);
    expect(local(end, 'Europe/Berlin')).toBe('2027-04-14T09:00:00');
    expect(end.since(start).total('hours')).toBe(31 * 24 - 1);
  });

  it('that would end in the hour that the clocks skip ends an hour later', () => {
    const anchor = anchored('2027-02-28T02:30:00[Europe/Berlin]');
    expect(local(boundary(anchor, 'month', 1), 'Europe/Berlin')).toBe('2027-03-28T03:30:00');
    expect(local(boundary(anchor, 'month', 2), 'Europe/Berlin')).toBe('2027-04-28T02:30:00');
  });

  it('is counted by the calendar of its own zone: the same instant is another day elsewhere', () => {
    const instant = at('2027-01-31T20:00:00[UTC]'); // already 1 February in Jakarta
    expect(boundary({ at: instant, timeZone: 'UTC' }, 'month', 1).toString()).toBe('2027-02-28T20:00:00Z');
    expect(boundary({ at: instant, timeZone: 'Asia/Jakarta' }, 'month', 1).toString()).toBe('2027-02-28T20:00:00Z');
    expect(boundary({ at: instant, timeZone: 'UTC' }, 'month', 2).toString()).toBe('2027-03-31T20:00:00Z');
    expect(boundary({ at: instant, timeZone: 'Asia/Jakarta' }, 'month', 2).toString()).toBe('2027-03-31T20:00:00Z');
    expect(boundary({ at: instant, timeZone: 'UTC' }, 'month', 3).toString()).toBe('2027-04-30T20:00:00Z');
    const late = at('2027-01-30T20:00:00[UTC]'); // 31 January in Jakarta, so it meets the end of the month there
    expect(boundary({ at: late, timeZone: 'UTC' }, 'month', 3).toString()).toBe('2027-04-30T20:00:00Z');
    expect(boundary({ at: late, timeZone: 'Asia/Jakarta' }, 'month', 3).toString()).toBe('2027-04-29T20:00:00Z');
  });
});

describe('A yearly period', () => {
  it('that begins on 29 February ends on 28 February, and on the 29th again in the next leap year', () => {
    expect(starts(anchored('2028-02-29T10:00:00[Asia/Jakarta]'), 'year', 5)).toEqual([
      '2028-02-29',
      '2029-02-28',
      '2030-02-28',
      '2031-02-28',
      '2032-02-29',
    ]);
  });
});

describe('Periods of any anchor', () => {
  const anchors = fc.record({
    at: fc
      .integer({ min: Date.UTC(2000, 0, 1), max: Date.UTC(2090, 0, 1) })
      .map((ms) => Temporal.Instant.fromEpochMilliseconds(ms)),
    timeZone: fc.constantFrom(
      'UTC',
      'Asia/Jakarta',
      'Asia/Jayapura',
      'Europe/Berlin',
      'America/New_York',
      'America/Sao_Paulo',
      'Australia/Lord_Howe',
      'Asia/Kathmandu',
      'Africa/Casablanca',
    ),
  });
  const intervals = fc.constantFrom<Interval>('month', 'year');

  it('follow each other without gap or overlap', () => {
    fc.assert(
      fc.property(anchors, intervals, fc.nat(60), (anchor, interval, index) => {
        const period = periodAt(anchor, interval, index);
        expect(period.end).toEqual(periodAt(anchor, interval, index + 1).start);
        expect(Temporal.Instant.compare(period.start, period.end)).toBe(-1);
      }),
    );
  });

  it('begin on the anchor’s day, or on the last of a month that is too short for it', () => {
    fc.assert(
      fc.property(anchors, intervals, fc.nat(60), (anchor, interval, index) => {
        const first = anchor.at.toZonedDateTimeISO(anchor.timeZone).toPlainDate();
        const begins = boundary(anchor, interval, index).toZonedDateTimeISO(anchor.timeZone).toPlainDate();
        const month = first.toPlainYearMonth().add({ months: index * (interval === 'year' ? 12 : 1) });
        expect(begins.toString()).toBe(month.toPlainDate({ day: Math.min(first.day, month.daysInMonth) }).toString());
      }),
    );
  });

  it('one of them holds any later instant', () => {
    fc.assert(
      fc.property(anchors, intervals, fc.nat(1_000), (anchor, interval, days) => {
        const now = anchor.at.add({ hours: 24 * days });
        const { start, end } = periodNotOver(anchor, interval, 0, now);
        expect(Temporal.Instant.compare(start, now)).toBeLessThanOrEqual(0);
        expect(Temporal.Instant.compare(now, end)).toBe(-1);
      }),
    );
  });
});

describe('The calendar month of who pays nothing', () => {
  it('begins at midnight of the first in the tenant’s zone', () => {
    const { start, end } = calendarMonth(at('2027-03-01T01:00:00[Asia/Jakarta]'), 'Asia/Jakarta');
    expect(start.toString()).toBe('2027-02-28T17:00:00Z');
    expect(end.toString()).toBe('2027-03-31T17:00:00Z');
  });

  it('holds its instant and meets its neighbours', () => {
    const zones = fc.constantFrom('UTC', 'Asia/Jakarta', 'Africa/Cairo', 'America/Havana', 'Europe/Berlin');
    const instants = fc.integer({ min: Date.UTC(2000, 0, 1), max: Date.UTC(2090, 0, 1) });
    fc.assert(
      fc.property(zones, instants, (timeZone, ms) => {
        const now = Temporal.Instant.fromEpochMilliseconds(ms);
        const month = calendarMonth(now, timeZone);
        expect(Temporal.Instant.compare(month.start, now)).toBeLessThanOrEqual(0);
        expect(Temporal.Instant.compare(now, month.end)).toBe(-1);
        expect(calendarMonth(month.end, timeZone).start).toEqual(month.end);
      }),
    );
  });
});
