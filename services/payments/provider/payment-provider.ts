import { uuidOf } from '@tenantry/kernel/id.ts';
import type { Observation } from '../domain/observe.ts';
import type { Payment, Refund } from '../domain/payment.ts';
import { paymentNotConfigured } from '../problems.ts';
import { derivedUuid } from './derived-uuid.ts';
import type { MidtransAccount } from './midtrans-account.ts';
import {
  type MidtransAnswer,
  type MidtransClient,
  type MidtransRequest,
  providerUnavailable,
} from './midtrans-client.ts';
import { readObservation, tellsOfTransaction } from './read-observation.ts';
import { ToldNothing } from './told-nothing.ts';

export type ChargeAnswer =
  | { readonly kind: 'observed'; readonly observation: Observation }
  /** The order id is taken: an earlier attempt got through. */
  | { readonly kind: 'duplicate' }
  /** There is no transaction and will be none. */
  | { readonly kind: 'refused'; readonly code: string };

export type RefundAnswer = { readonly kind: 'approved' } | { readonly kind: 'refused'; readonly code: string };

/**
 * Midtrans in our words. Every function throws `upstream-unavailable` or `upstream-timeout` when the outcome is unknown,
 * and `payment-provider-not-configured` when Midtrans does not take the tenant's key.
 */
export type PaymentProvider = {
  readonly charge: (account: MidtransAccount, payment: Payment) => Promise<ChargeAnswer>;
  /** Null: Midtrans has never heard of it. */
  readonly ask: (account: MidtransAccount, payment: Payment) => Promise<Observation | null>;
  /** Null: it cannot be canceled there (any more). */
  readonly cancel: (account: MidtransAccount, payment: Payment) => Promise<Observation | null>;
  /** Null: it cannot expire (any more). */
  readonly expire: (account: MidtransAccount, payment: Payment) => Promise<Observation | null>;
  readonly refund: (
    account: MidtransAccount,
    payment: Payment,
    refund: Refund,
    reason: string,
  ) => Promise<RefundAnswer>;
};

export function createPaymentProvider(options: {
  readonly client: MidtransClient;
  readonly notificationUrl: (account: MidtransAccount) => string;
}): PaymentProvider {
  const send = async (account: MidtransAccount, request: MidtransRequest): Promise<MidtransAnswer> => {
    const answer = await options.client.send(account, request);
    if (answer.code === '401') {
      throw paymentNotConfigured('Midtrans does not take the server key of this tenant. Have an admin set it again.');
    }
    return answer;
  };
  const change = async (account: MidtransAccount, payment: Payment, verb: 'cancel' | 'expire') => {
    const idempotencyKey = derivedUuid(`${verb} ${payment.id}`);
    const answer = await send(account, { method: 'POST', path: pathOf(payment, verb), body: {}, idempotencyKey });
    if (tellsOfTransaction(answer.body)) return readObservation(payment, answer);
    if (answer.code === '202') throw stillRunning();
    return null;
  };

  return {
    async charge(account, payment) {
      const answer = await send(account, {
        method: 'POST',
        path: '/v2/charge',
        body: chargeBody(payment),
        idempotencyKey: uuidOf(payment.id),
        notificationUrl: options.notificationUrl(account),
      });
      if (tellsOfTransaction(answer.body)) {
        return { kind: 'observed', observation: readObservation(payment, answer) };
      }
      if (answer.code === '202') throw stillRunning();
      if (answer.code === '406') return { kind: 'duplicate' };
      if (isRefusal(answer.code)) return { kind: 'refused', code: answer.code };
      throw providerUnavailable(new Error(`Midtrans answered a charge with ${answer.code} and no transaction.`));
    },

    async ask(account, payment) {
      const answer = await send(account, { method: 'GET', path: pathOf(payment, 'status') });
      if (tellsOfTransaction(answer.body)) return readObservation(payment, answer);
      if (answer.code === '404') return null;
      throw providerUnavailable(new ToldNothing(`Midtrans answered ${answer.code} to a question for a status.`));
    },

    cancel: (account, payment) => change(account, payment, 'cancel'),
    expire: (account, payment) => change(account, payment, 'expire'),

    async refund(account, payment, refund, reason) {
      const answer = await send(account, {
        method: 'POST',
        path: pathOf(payment, 'refund'),
        body: { refund_key: refund.id, amount: Number(refund.amount.minor), reason },
        idempotencyKey: uuidOf(refund.id),
      });
      if (answer.code === '200') return { kind: 'approved' };
      // 202 with a transaction is the bank's refusal; without one, the first request is still running.
      if (answer.code === '202' && !tellsOfTransaction(answer.body)) throw stillRunning();
      if (answer.code === '202' || isRefusal(answer.code)) return { kind: 'refused', code: answer.code };
      throw providerUnavailable(new Error(`Midtrans answered a refund with ${answer.code}.`));
    },
  };
}

/** 501: this account does not have the feature. The other 5xx never come this far: nothing is known after them. */
const isRefusal = (code: string): boolean => /^(4\d\d|501)$/.test(code);

const stillRunning = () => providerUnavailable(new Error('An earlier request with this Idempotency-Key is running.'));

/** By the transaction's own id where it is known: an order id may be used again after a cancel. */
const pathOf = (payment: Payment, verb: string): string =>
  `/v2/${encodeURIComponent(payment.transactionId ?? payment.id)}/${verb}`;

function chargeBody(payment: Payment): Readonly<Record<string, unknown>> {
  const { method, invoiceId, description } = payment;
  const amount = Number(payment.amount.minor); // 15 digits at most (MoneySchema), so exact
  const common = {
    transaction_details: { order_id: payment.id, gross_amount: amount, currency: 'IDR' },
    item_details: [{ id: invoiceId, price: amount, quantity: 1, name: description }],
  };
  switch (method.type) {
    case 'bank_transfer':
      return { payment_type: 'bank_transfer', bank_transfer: { bank: method.bank }, ...common };
    case 'qris':
      return { payment_type: 'qris', qris: { acquirer: 'gopay' }, ...common };
    case 'gopay':
      return { payment_type: 'gopay', ...common };
  }
}
