import type { Observation } from './observe.ts';
import type { Payment } from './payment.ts';

/**
 * When the provider is asked without having spoken. Notifications get lost (Midtrans repeats a refused one five times
 * within six hours, then never again), so silence is never taken for an answer.
 */

/** The interactive attempt takes four seconds at most; whoever asks earlier meets it on its way. */
const FIRST_ATTEMPT_SECONDS = 5;
const MAX_ATTEMPT_GAP_SECONDS = 600;
const FIRST_CHECK_SECONDS = 120;
const MAX_CHECK_GAP_SECONDS = 3_600;
/** Midtrans: notification of an expiry up to 90 s after it. */
const EXPIRY_GRACE_SECONDS = 120;
/** Midtrans: a Permata settlement may turn into `deny` within about five minutes. */
const REVERSAL_WINDOW_SECONDS = 600;
/** Midtrans keeps the answer to an Idempotency-Key for five minutes; the status of a wallet payment has no code in it. */
const ANSWER_KEPT_SECONDS = 300;
/** After a day nobody looks at the checkout any more: a charge made then would surprise the customer. */
const ABANDONED_AFTER_HOURS = 24;

/** How long after its time a payment is still expected, of which the provider tells nothing. */
const SILENCE_HOURS = 24;
/** An account that does not answer may come back, with money that came before it went. */
const LATE_MONEY_GAP_SECONDS = 86_400;
const LATE_MONEY_DAYS = 14;

/** The first of `base`, 2 × `base`, 4 × `base` … seconds after `since`, never more than `maxGap` apart, behind `now`. */
function nextStep(since: Temporal.Instant, now: Temporal.Instant, base: number, maxGap: number): Temporal.Instant {
  let step = since.add({ seconds: base });
  let gap = base;
  while (Temporal.Instant.compare(step, now) <= 0) {
    const elapsed = (now.epochMilliseconds - step.epochMilliseconds) / 1_000;
    // From here on the steps are evenly apart; a payment left alone for a year needs no loop over a year of them.
    const skipped = gap === maxGap ? Math.floor(elapsed / maxGap) : 0;
    step = step.add({ seconds: gap * (skipped + 1) });
    gap = Math.min(gap * 2, maxGap);
  }
  return step;
}

const earlier = (a: Temporal.Instant, b: Temporal.Instant): Temporal.Instant =>
  Temporal.Instant.compare(a, b) <= 0 ? a : b;

export const isPastExpiry = (payment: Payment, now: Temporal.Instant): boolean =>
  payment.expiresAt !== null && Temporal.Instant.compare(expiryCheckAt(payment.expiresAt), now) <= 0;

const expiryCheckAt = (expiresAt: Temporal.Instant): Temporal.Instant =>
  expiresAt.add({ seconds: EXPIRY_GRACE_SECONDS });

/** Pending beyond its expiry, by the provider's own clock: with ours ahead, what can still be paid would be ended. */
export function isOverdue(payment: Payment, { standing, expiresAt, answeredAt }: Observation): boolean {
  const until = expiresAt ?? payment.expiresAt;
  return (
    standing === 'pending' &&
    until !== null &&
    answeredAt !== null &&
    Temporal.Instant.compare(expiryCheckAt(until), answeredAt) <= 0
  );
}

/** When its time is over, as far as that is known. */
const endAt = ({ expiresAt, createdAt }: Payment): Temporal.Instant =>
  expiresAt ?? createdAt.add({ hours: ABANDONED_AFTER_HOURS });

const silenceEndsAt = (payment: Payment): Temporal.Instant => endAt(payment).add({ hours: SILENCE_HOURS });

/** Whether a payment that the provider tells nothing about has been waited for long enough. */
export const isSilenceOver = (payment: Payment, now: Temporal.Instant): boolean =>
  Temporal.Instant.compare(silenceEndsAt(payment), now) <= 0;

export const isAbandoned = (payment: Payment, now: Temporal.Instant): boolean =>
  Temporal.Instant.compare(payment.createdAt.add({ hours: ABANDONED_AFTER_HOURS }), now) <= 0;

const isWaiting = (payment: Payment): boolean => payment.standing === 'processing' || payment.standing === 'pending';

/** Whether repeating the charge can still bring something: the transaction itself, or the code to pay it with. */
export const isChargeUnfinished = (payment: Payment, now: Temporal.Instant): boolean =>
  payment.standing === 'processing' || isCodeMissing(payment, now);

const isCodeMissing = (payment: Payment, now: Temporal.Instant): boolean =>
  isWaiting(payment) &&
  payment.instructions === null &&
  Temporal.Instant.compare(now, payment.createdAt.add({ seconds: ANSWER_KEPT_SECONDS })) < 0;

/** Whether the provider, when it is asked now, may say something new. */
export function isWorthAsking(payment: Payment, now: Temporal.Instant): boolean {
  if (payment.standing === 'expired') return payment.isExpiryPresumed;
  if (nextReconciliationAt(payment, now) === null) return false;
  const firstCheckAt = payment.createdAt.add({ seconds: FIRST_CHECK_SECONDS });
  return isChargeUnfinished(payment, now) || Temporal.Instant.compare(firstCheckAt, now) <= 0;
}

/**
 * When a settlement is looked at once more, because it can be taken back until then; null where it cannot. Our clock
 * counts as well as the provider's: it may have settled long before we heard of it, or one of them may be wrong.
 */
export function reversalCheckAt(
  { standing, settledAt, method }: Payment,
  heardAt: Temporal.Instant,
): Temporal.Instant | null {
  if (standing !== 'settled' || method.type !== 'bank_transfer' || method.bank !== 'permata') return null;
  const since = settledAt !== null && Temporal.Instant.compare(settledAt, heardAt) > 0 ? settledAt : heardAt;
  return since.add({ seconds: REVERSAL_WINDOW_SECONDS });
}

export const firstAttemptAt = (createdAt: Temporal.Instant): Temporal.Instant =>
  createdAt.add({ seconds: FIRST_ATTEMPT_SECONDS });

/** Of something whose outcome at the provider is unknown: a charge, a refund. */
export const nextAttemptAt = (createdAt: Temporal.Instant, now: Temporal.Instant): Temporal.Instant =>
  nextStep(createdAt, now, FIRST_ATTEMPT_SECONDS, MAX_ATTEMPT_GAP_SECONDS);

/** Null: nothing more is expected of the provider. Depends on nothing but the payment, so it survives a restart. */
export function nextReconciliationAt(payment: Payment, now: Temporal.Instant): Temporal.Instant | null {
  switch (payment.standing) {
    case 'processing':
      return nextAttemptAt(payment.createdAt, now);
    case 'pending':
    case 'review':
    case 'authorized': {
      const { createdAt, expiresAt } = payment;
      if (isCodeMissing(payment, now)) return nextAttemptAt(createdAt, now);
      if (expiresAt === null) return nextStep(createdAt, now, FIRST_CHECK_SECONDS, MAX_CHECK_GAP_SECONDS);
      if (isPastExpiry(payment, now)) return nextStep(expiresAt, now, FIRST_CHECK_SECONDS, MAX_CHECK_GAP_SECONDS);
      return earlier(nextStep(createdAt, now, FIRST_CHECK_SECONDS, MAX_CHECK_GAP_SECONDS), expiryCheckAt(expiresAt));
    }
    case 'expired': {
      if (!payment.isExpiryPresumed) return null;
      const since = silenceEndsAt(payment);
      const next = nextStep(since, now, LATE_MONEY_GAP_SECONDS, LATE_MONEY_GAP_SECONDS);
      return Temporal.Instant.compare(next, since.add({ hours: 24 * LATE_MONEY_DAYS })) <= 0 ? next : null;
    }
    default:
      return null;
  }
}
