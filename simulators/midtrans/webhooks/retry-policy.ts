export type AttemptOutcome =
  | { readonly kind: 'answer'; readonly httpStatus: number }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'connection-failure'; readonly detail: string }
  | { readonly kind: 'too-many-redirects' };

const minuteMs = 60_000;
const gapsMs = [2, 10, 30, 90, 210].map((minutes) => minutes * minuteMs);
/** The first retry, due after 120 seconds, has been seen after 33: every gap is shifted by up to 87 seconds. */
const largestShiftMs = 87_000;

export const isDelivered = (outcome: AttemptOutcome): boolean =>
  outcome.kind === 'answer' && outcome.httpStatus >= 200 && outcome.httpStatus < 300;

/** Midtrans: how often a notification is repeated depends on what the merchant answered. */
export function retriesAllowed(outcome: AttemptOutcome): number {
  if (outcome.kind !== 'answer') return gapsMs.length;
  const { httpStatus } = outcome;
  if (httpStatus >= 200 && httpStatus < 300) return 0;
  if (httpStatus === 301 || httpStatus === 302 || httpStatus === 303) return 0;
  if (httpStatus === 500) return 1;
  if (httpStatus === 400 || httpStatus === 404) return 2;
  if (httpStatus === 503) return 4;
  return gapsMs.length;
}

/** Milliseconds until the next attempt, or null when there is none. `shift` is between -1 and 1. */
export function nextRetryInMs(outcome: AttemptOutcome, retriesDone: number, shift: number): number | null {
  if (retriesDone >= retriesAllowed(outcome)) return null;
  const gapMs = gapsMs[retriesDone];
  return gapMs === undefined ? null : Math.round(gapMs + shift * largestShiftMs);
}
