import { canonicalJson } from '@tenantry/kernel/canonical-json.ts';
import type { RefundId } from '@tenantry/kernel/id.ts';
import { formatAmount, type MoneyView, money, toMoneyView } from '@tenantry/kernel/money.ts';
import { conflict, invalidTransition, validationFailed } from '@tenantry/kernel/problems.ts';
import { paymentMethodRefused, refundExceedsPayment, refundNotSupported } from '../problems.ts';
import { type Payment, PROVIDER_CURRENCY, refundableMinor, statusOf } from './payment.ts';
import type { PaymentEvent, PaymentRequested } from './payment-events.ts';
import { readMoney } from './read-money.ts';

export type ChargeCommand = PaymentRequested['data'];

/** The intent: from here on the payment exists, whether or not the provider can be reached. */
export function requestPayment(command: ChargeCommand): readonly PaymentEvent[] {
  const value = readMoney(command.amount);
  if (value.currency !== PROVIDER_CURRENCY) {
    throw paymentMethodRefused(
      `Midtrans takes ${PROVIDER_CURRENCY} only, not ${value.currency}. Ask for the amount in ${PROVIDER_CURRENCY}.`,
    );
  }
  if (value.minor <= 0n) {
    const message = 'must be more than zero';
    throw validationFailed(`The amount ${message}.`, { errors: [{ path: '/amount/amount', message }] });
  }
  return [{ type: 'payment-requested', data: { ...command, amount: toMoneyView(value) } }];
}

/** A repeat of a charge must ask for the same thing: otherwise one of the two callers would get what it did not want. */
export function requireSameRequest(payment: Payment, command: ChargeCommand): void {
  const { invoiceId, customerId, method, description } = payment;
  const first = { invoiceId, customerId, method, description, amount: toMoneyView(payment.amount) };
  if (canonicalJson(first) !== canonicalJson({ ...command, amount: toMoneyView(readMoney(command.amount)) })) {
    throw conflict(`Payment ${payment.id} was requested with other terms. Use a new payment id for another payment.`);
  }
}

/** The code of a refusal that is the account's and not the payment's: Midtrans does not take the key. */
export const KEY_REFUSED = '401';

/** The provider would not create the transaction, and surely has not. */
export const denyPayment = (payment: Payment, refusalCode: string): readonly PaymentEvent[] =>
  payment.standing === 'processing' ? [{ type: 'payment-denied', data: { refusalCode } }] : [];

/** Nobody waits for instructions any more, and the provider has never heard of it. */
export const abandonPayment = (payment: Payment): readonly PaymentEvent[] =>
  payment.standing === 'processing' ? [{ type: 'payment-expired', data: {} }] : [];

const UNENDED: ReadonlySet<Payment['standing']> = new Set(['processing', 'pending', 'review', 'authorized']);

/**
 * Its time was over long ago, and the provider tells nothing about it. Presumed, because money may have come all the
 * same: whatever the provider says of it one day counts.
 */
export const presumeExpired = (payment: Payment): readonly PaymentEvent[] =>
  UNENDED.has(payment.standing) ? [{ type: 'payment-expired', data: { isPresumed: true } }] : [];

const CANCELABLE: ReadonlySet<Payment['standing']> = new Set(['pending', 'review', 'authorized']);

export function requireCancelable(payment: Payment): void {
  if (CANCELABLE.has(payment.standing)) return;
  throw cannotCancel(payment);
}

export function cannotCancel(payment: Payment) {
  const from = statusOf(payment);
  const next =
    from === 'processing'
      ? 'Try again when the provider has answered.'
      : 'Only a payment that has not been made can be canceled; money that arrived is refunded.';
  return invalidTransition(`Payment ${payment.id} is ${from}. ${next}`, { extensions: { from, to: 'canceled' } });
}

/**
 * Takes the amount (all that is left unless told) before the provider is asked, so that refunds asked for at the same
 * time can never add up to more than was captured.
 */
export function requestRefund(
  payment: Payment,
  refund: { readonly id: RefundId; readonly amount: MoneyView | null },
): readonly PaymentEvent[] {
  if (payment.method.type === 'bank_transfer') {
    throw refundNotSupported(
      `Payment ${payment.id} came by bank transfer, and Midtrans cannot send one back. Transfer the amount to the ` +
        'customer’s account by hand and issue a credit note for the invoice.',
    );
  }
  const from = statusOf(payment);
  if (from !== 'settled' && from !== 'partially_refunded') {
    throw invalidTransition(
      from === 'refunded'
        ? `Payment ${payment.id} has been refunded completely.`
        : `Payment ${payment.id} is ${from}; only settled money can be refunded. A payment not yet made is canceled.`,
      { extensions: { from, to: 'refunded' } },
    );
  }
  const left = money(refundableMinor(payment), payment.amount.currency);
  const amount = refund.amount === null ? left : readMoney(refund.amount);
  if (amount.currency !== left.currency || (amount.minor <= 0n && refund.amount !== null)) {
    const message = `must be more than zero, in ${left.currency}`;
    throw validationFailed(`The amount ${message}.`, { errors: [{ path: '/amount', message }] });
  }
  if (amount.minor > left.minor || left.minor <= 0n) {
    throw refundExceedsPayment(
      `Of payment ${payment.id} ${formatAmount(left)} ${left.currency} can still be refunded; refunds under way count.`,
      { extensions: { refundable: toMoneyView(left) } },
    );
  }
  return [{ type: 'refund-requested', data: { refundId: refund.id, amount: toMoneyView(amount) } }];
}

/** The provider refused, and its list of refunds proves that no earlier attempt went through. */
export function failRefund(payment: Payment, refundId: RefundId, refusalCode: string): readonly PaymentEvent[] {
  const refund = payment.refunds.find(({ id }) => id === refundId);
  return refund?.status === 'processing' ? [{ type: 'refund-failed', data: { refundId, refusalCode } }] : [];
}
