import type { AttemptOutcome } from './retry-policy.ts';

export type Attempt = {
  readonly trigger: 'first' | 'retry' | 'redeliver';
  readonly startedAtMs: number;
  readonly durationMs: number;
  readonly outcome: AttemptOutcome;
  /** Where 307 and 308 answers led, in order. */
  readonly redirectedTo: readonly string[];
};

/**
 * held: waits for a later notification of the same transaction (scripted) · waiting: its next attempt has an instant ·
 * sending · delivered · exhausted: no retry is left · dropped: never sent (scripted).
 */
export type DeliveryState = 'held' | 'waiting' | 'sending' | 'delivered' | 'exhausted' | 'dropped';

/** One notification to one URL. The body is kept as text: every attempt sends the same bytes. */
export type Delivery = {
  readonly id: string;
  readonly transactionId: string;
  readonly orderId: string;
  readonly serverKey: string;
  readonly transactionStatus: string;
  readonly statusCode: string;
  readonly url: string;
  readonly body: string;
  readonly faults: readonly string[];
  readonly createdAtMs: number;
  readonly state: DeliveryState;
  readonly nextAttemptAtMs: number | null;
  readonly attempts: readonly Attempt[];
};

export const isFinished = (delivery: Delivery): boolean =>
  delivery.state === 'delivered' || delivery.state === 'exhausted' || delivery.state === 'dropped';

export const retriesDone = (delivery: Delivery): number =>
  delivery.attempts.filter((attempt) => attempt.trigger === 'retry').length;
