import type { RefundId } from '@tenantry/kernel/id.ts';
import { formatInstant } from '@tenantry/kernel/instant.ts';
import { type Money, toMoneyView } from '@tenantry/kernel/money.ts';
import { type Payment, refundOf, type Standing } from './payment.ts';
import type { PaymentEvent } from './payment-events.ts';
import type { Instructions } from './payment-method.ts';

/** One answer of the provider about one payment, in our words. Fields it did not speak of are null. */
export type Observation = {
  readonly standing: Exclude<Standing, 'processing' | 'reversed'>;
  /** By the provider's clock. */
  readonly answeredAt: Temporal.Instant | null;
  readonly transactionId: string | null;
  readonly instructions: Instructions | null;
  readonly expiresAt: Temporal.Instant | null;
  readonly settledAt: Temporal.Instant | null;
  /** All refunds that succeeded so far, not only the latest. */
  readonly refunds: readonly { readonly id: RefundId; readonly amount: Money }[];
};

/**
 * How late in its life a payment is. Answers come doubled and in any order, so none may lead back: what ranks lower
 * than what is known already is old news. `settled` outranks the three ends without money: if the provider says that
 * the money is there, it is.
 */
const RANK: Readonly<Record<Standing, number>> = {
  processing: 0,
  pending: 1,
  review: 2,
  authorized: 2,
  expired: 3,
  canceled: 3,
  denied: 3,
  settled: 4,
  reversed: 5,
  charged_back: 6,
};

/**
 * What an answer adds to what is known. Nothing, when it adds nothing: handling an answer twice changes nothing, and
 * the answers of one history lead to the same payment in whatever order they come.
 * @param now taken where the provider names no instant
 */
export function observe(payment: Payment, seen: Observation, now: Temporal.Instant): readonly PaymentEvent[] {
  return [...register(payment, seen), ...advance(payment, seen, now), ...newRefunds(payment, seen)];
}

function register(payment: Payment, seen: Observation): readonly PaymentEvent[] {
  const addsSomething =
    (payment.standing === 'processing' && seen.standing === 'pending') ||
    (payment.transactionId === null && seen.transactionId !== null) ||
    (payment.instructions === null && seen.instructions !== null) ||
    (payment.expiresAt === null && seen.expiresAt !== null);
  if (!addsSomething) return [];
  const { transactionId, instructions } = seen;
  const expiresAt = seen.expiresAt === null ? null : formatInstant(seen.expiresAt);
  return [{ type: 'payment-registered', data: { transactionId, instructions, expiresAt } }];
}

function advance(payment: Payment, seen: Observation, now: Temporal.Instant): readonly PaymentEvent[] {
  const known = RANK[payment.standing];
  const isNews = RANK[seen.standing] > known;
  const settled: PaymentEvent = {
    type: 'payment-settled',
    data: { settledAt: formatInstant(seen.settledAt ?? now) },
  };
  switch (seen.standing) {
    case 'pending':
      return []; // registering it has said so
    case 'review':
      return isNews ? [{ type: 'payment-put-in-review', data: {} }] : [];
    case 'authorized':
      return isNews ? [{ type: 'payment-authorized', data: {} }] : [];
    case 'expired':
      return isNews ? [{ type: 'payment-expired', data: {} }] : [];
    case 'canceled':
      return isNews ? [{ type: 'payment-canceled', data: {} }] : [];
    case 'denied':
      // Midtrans, transaction status cycle: a settlement that becomes `deny` was taken back by the bank.
      if (payment.standing === 'settled') return [{ type: 'payment-reversed', data: {} }];
      return isNews ? [{ type: 'payment-denied', data: { refusalCode: null } }] : [];
    case 'settled':
      // A transaction once denied never becomes paid: a settlement heard after the denial happened before it. (With a
      // refusal code there was no transaction to be denied, so the money is another attempt's, and it is there.)
      if (payment.standing === 'denied' && payment.refusalCode === null)
        return [settled, { type: 'payment-reversed', data: {} }];
      return isNews ? [settled] : [];
    case 'charged_back': {
      if (!isNews) return [];
      const chargedBack: PaymentEvent = { type: 'payment-charged-back', data: {} };
      return known < RANK.settled ? [settled, chargedBack] : [chargedBack];
    }
  }
}

/** Also a refund that we recorded as failed, or that somebody made in the provider's dashboard: the money has moved. */
const newRefunds = (payment: Payment, seen: Observation): readonly PaymentEvent[] =>
  seen.refunds
    .filter(({ id }) => refundOf(payment, id)?.status !== 'succeeded')
    .map(({ id, amount }) => ({
      type: 'refund-succeeded' as const,
      data: { refundId: id, amount: toMoneyView(amount) },
    }));
