/** What is done much later is looked at by itself: a trace that went on for a month would never be read as one. */
const LONGEST_WAIT_MS = 3_600_000;

export const goesOnWithTrace = (from: Temporal.Instant, dueAt: Temporal.Instant): boolean =>
  dueAt.epochMilliseconds - from.epochMilliseconds <= LONGEST_WAIT_MS;
