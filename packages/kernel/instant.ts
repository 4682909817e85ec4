/** RFC 3339 in UTC with milliseconds, the only form in which instants leave the system: `2026-11-21T09:30:00.000Z`. */
export const formatInstant = (instant: Temporal.Instant): string => instant.toString({ smallestUnit: 'millisecond' });

export const parseInstant = (text: string): Temporal.Instant => Temporal.Instant.from(text);

/** PostgreSQL keeps microseconds and pg hands out Dates; whole milliseconds make what is stored equal to what is shown. */
export const fromDate = (date: Date): Temporal.Instant => Temporal.Instant.fromEpochMilliseconds(date.getTime());

export const toDate = (instant: Temporal.Instant): Date => new Date(instant.epochMilliseconds);
