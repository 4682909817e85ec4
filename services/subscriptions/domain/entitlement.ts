import { type Interval, type Period, periodNotOver } from './period.ts';

/** What of a subscription says whether its plan's features may be used. */
export type Grant = {
  readonly status: string;
  readonly interval: Interval;
  readonly anchor: { readonly at: Temporal.Instant; readonly timeZone: string } | null;
  readonly periodIndex: number | null;
  readonly periodEnd: Temporal.Instant | null;
  readonly cancelAtPeriodEnd: boolean;
  readonly graceEndsAt: Temporal.Instant | null;
};

/**
 * The period in which this subscription's plan counts at `now`, or null when it gives nothing. Asked of the clock, not
 * of timers: a quota is renewed, and a canceled plan ends, at the instant itself, even while nothing that closes periods
 * is running.
 */
export function grantedPeriod(grant: Grant, now: Temporal.Instant): Period | null {
  const { anchor, periodIndex, periodEnd, graceEndsAt } = grant;
  if (anchor === null || periodIndex === null || periodEnd === null) return null;
  if (grant.status !== 'active' && grant.status !== 'past_due') return null;
  if (graceEndsAt !== null && Temporal.Instant.compare(now, graceEndsAt) >= 0) return null;
  if (grant.cancelAtPeriodEnd && Temporal.Instant.compare(now, periodEnd) >= 0) return null;
  return periodNotOver(anchor, grant.interval, periodIndex, now);
}
