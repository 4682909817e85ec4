/** What a price is asked for. */
export type Interval = 'month' | 'year';

/** From the first instant, up to but not including the second. */
export type Period = { readonly start: Temporal.Instant; readonly end: Temporal.Instant };

/** The instant that all periods of a subscription are counted from, and the zone whose calendar counts them. */
export type Anchor = { readonly at: Temporal.Instant; readonly timeZone: string };

const MONTHS: Readonly<Record<Interval, number>> = { month: 1, year: 12 };

/**
 * Always counted from the anchor, never from the boundary before: 31 January is followed by 28 February and then by
 * 31 March, not by 28 March. The wall clock keeps its time across a change of daylight saving.
 */
export const boundary = (anchor: Anchor, interval: Interval, index: number): Temporal.Instant =>
  anchor.at
    .toZonedDateTimeISO(anchor.timeZone)
    .add({ months: MONTHS[interval] * index })
    .toInstant();

/** The period with this index; the first one has 0. */
export const periodAt = (anchor: Anchor, interval: Interval, index: number): Period => ({
  start: boundary(anchor, interval, index),
  end: boundary(anchor, interval, index + 1),
});

/** The first period from `index` on that is not over at `now`. */
export function periodNotOver(anchor: Anchor, interval: Interval, index: number, now: Temporal.Instant): Period {
  for (let candidate = index; ; candidate++) {
    const period = periodAt(anchor, interval, candidate);
    if (Temporal.Instant.compare(now, period.end) < 0) return period;
  }
}

/** The calendar month around `now`, as people in `timeZone` count it: the period of whoever pays nothing. */
export function calendarMonth(now: Temporal.Instant, timeZone: string): Period {
  const first = now.toZonedDateTimeISO(timeZone).toPlainDate().with({ day: 1 });
  const startOf = (day: Temporal.PlainDate): Temporal.Instant => day.toZonedDateTime(timeZone).toInstant();
  return { start: startOf(first), end: startOf(first.add({ months: 1 })) };
}
