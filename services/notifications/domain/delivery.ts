import type { FailureCode } from './failure-code.ts';

export type NotificationStatus = 'queued' | 'sending' | 'sent' | 'suppressed' | 'dead';

/** How far the sending of one message has come. */
export type Delivery = {
  readonly status: NotificationStatus;
  /** Calls of Telegram so far, not counting those that were told to come back later. */
  readonly attempts: number;
  /** How many of them may have arrived although nobody told us. */
  readonly uncertain: number;
  readonly notBefore: Temporal.Instant | null;
  /** Only while `sending`: until then nobody else may try. */
  readonly leasedUntil: Temporal.Instant | null;
  readonly failure: FailureCode | null;
};

/** What an answer of Telegram, or the lack of one, means for a message. */
export type Verdict =
  | { readonly kind: 'wait'; readonly seconds: number; readonly holdsBot: boolean; readonly reason: FailureCode }
  | { readonly kind: 'back-off'; readonly mayHaveArrived: boolean }
  | { readonly kind: 'plain-text' }
  | { readonly kind: 'drop-link'; readonly reason: 'chat-blocked' | 'chat-unreachable' }
  | { readonly kind: 'revoke-bot' }
  | { readonly kind: 'fail'; readonly reason: FailureCode };

/** Longer than a call of Telegram and the writing down of its answer can take. */
const LEASE_SECONDS = 30;
/** With the waits below that is about half a day: an outage of Telegram does not cost a message. */
export const MAX_ATTEMPTS = 24;
const LONGEST_BACKOFF_SECONDS = 3_600;

const isFinal = (status: NotificationStatus): boolean =>
  status === 'sent' || status === 'suppressed' || status === 'dead';

export type Readiness =
  | { readonly kind: 'final' }
  | { readonly kind: 'wait'; readonly until: Temporal.Instant }
  | { readonly kind: 'ready' };

const isAfter = (a: Temporal.Instant, b: Temporal.Instant): boolean => Temporal.Instant.compare(a, b) > 0;

export function readiness(delivery: Delivery, now: Temporal.Instant): Readiness {
  if (isFinal(delivery.status)) return { kind: 'final' };
  const until = delivery.status === 'sending' ? delivery.leasedUntil : delivery.notBefore;
  return until !== null && isAfter(until, now) ? { kind: 'wait', until } : { kind: 'ready' };
}

/** A lease that lapsed belongs to somebody who died between calling Telegram and writing down what it said. */
export function beginAttempt(delivery: Delivery, now: Temporal.Instant): Delivery {
  return {
    status: 'sending',
    attempts: delivery.attempts + 1,
    uncertain: delivery.uncertain + (delivery.status === 'sending' ? 1 : 0),
    notBefore: null,
    leasedUntil: now.add({ seconds: LEASE_SECONDS }),
    failure: delivery.failure,
  };
}

/** Doubles from one second to an hour; `jitter` in [0, 1) takes away up to half, so that waiters do not return as one. */
export function backoffMs(attempts: number, jitter: number): number {
  const seconds = Math.min(2 ** Math.min(attempts - 1, 12), LONGEST_BACKOFF_SECONDS);
  return Math.round(seconds * 1_000 * (1 - jitter / 2));
}

const ended = (delivery: Delivery, status: 'sent' | 'suppressed' | 'dead', failure: FailureCode | null): Delivery => ({
  ...delivery,
  status,
  notBefore: null,
  leasedUntil: null,
  failure,
});

export const concludeSent = (delivery: Delivery): Delivery => ended(delivery, 'sent', null);

/** Nobody can be reached: that is nobody's fault. That a bot's token was revoked is for an admin to mend. */
export const giveUp = (delivery: Delivery, reason: FailureCode): Delivery =>
  ended(delivery, reason === 'bot-revoked' ? 'dead' : 'suppressed', reason);

export function concludeFailed(delivery: Delivery, verdict: Verdict, now: Temporal.Instant, jitter: number): Delivery {
  switch (verdict.kind) {
    case 'wait':
      return {
        ...delivery,
        status: 'queued',
        attempts: delivery.attempts - 1,
        notBefore: now.add({ milliseconds: Math.ceil(verdict.seconds * 1_000) }),
        leasedUntil: null,
        failure: verdict.reason,
      };
    case 'back-off': {
      const uncertain = delivery.uncertain + (verdict.mayHaveArrived ? 1 : 0);
      if (delivery.attempts >= MAX_ATTEMPTS) return ended({ ...delivery, uncertain }, 'dead', 'attempts-exhausted');
      return {
        ...delivery,
        status: 'queued',
        uncertain,
        notBefore: now.add({ milliseconds: backoffMs(delivery.attempts, jitter) }),
        leasedUntil: null,
        failure: verdict.mayHaveArrived ? 'outcome-unknown' : 'telegram-unavailable',
      };
    }
    case 'drop-link':
      return giveUp(delivery, verdict.reason);
    case 'revoke-bot':
      return giveUp(delivery, 'bot-revoked');
    case 'plain-text':
      return ended(delivery, 'dead', 'message-refused');
    case 'fail':
      return ended(delivery, 'dead', verdict.reason);
  }
}
