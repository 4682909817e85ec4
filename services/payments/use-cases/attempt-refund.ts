import type { PaymentId, RefundId, TenantId } from '@tenantry/kernel/id.ts';
import { toMoneyView } from '@tenantry/kernel/money.ts';
import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import { failRefund, KEY_REFUSED } from '../domain/commands.ts';
import { observe } from '../domain/observe.ts';
import { type Payment, type Refund, refundOf } from '../domain/payment.ts';
import { paymentNotConfigured, paymentNotFound } from '../problems.ts';
import { loadPayment, loadPaymentForUpdate } from '../store/payment-streams.ts';
import { readRefundReason } from '../store/payments.ts';
import { isKeyRefused } from './is-key-refused.ts';
import { changePayment, learnFromProvider } from './learn-from-provider.ts';
import type { PaymentsDeps } from './payments-deps.ts';
import { savePayment } from './save-payment.ts';

type RefundState = { readonly payment: Payment; readonly refund: Refund };

/**
 * Brings a refund whose amount is reserved to the provider, and writes down the answer. All attempts carry one refund
 * key, and a refusal is believed only when the provider's list of refunds does not have it: the refusal may be of a
 * repeat (duplicate key, nothing left) whose first attempt went through. Throws when the outcome is unknown.
 */
export const attemptRefund =
  ({ databases, accounts, provider, logger }: Pick<PaymentsDeps, 'databases' | 'accounts' | 'provider' | 'logger'>) =>
  async (
    tenantId: TenantId,
    paymentId: PaymentId,
    refundId: RefundId,
    { isFirst }: { readonly isFirst: boolean },
  ): Promise<RefundState> => {
    const stateOf = (payment: Payment): RefundState => {
      const refund = refundOf(payment, refundId);
      if (refund === undefined) throw paymentNotFound(`Payment ${paymentId} has no refund ${refundId}.`);
      return { payment, refund };
    };
    const { payment, refund, reason } = await databases.withTenant.read(tenantId, async (reader) => {
      const stream = await loadPayment(reader, paymentId);
      if (stream === null) throw paymentNotFound(`There is no payment ${paymentId}.`);
      return { ...stateOf(stream.payment), reason: await readRefundReason(reader, refundId) };
    });
    if (refund.status !== 'processing') return { payment, refund };
    const account = await accounts.find(tenantId);
    const fail = async (code: string): Promise<RefundState> => {
      logger.warn({ tenantId, paymentId, refundId, code }, 'the provider does not take a refund');
      const decide = (current: Payment) => failRefund(current, refundId, code);
      const { payment: after } = await databases.withTenant(tenantId, (uow) => changePayment(uow, paymentId, decide));
      return stateOf(after);
    };
    if (account === null) {
      if (isFirst) return fail(KEY_REFUSED);
      throw paymentNotConfigured('This tenant has no payment provider any more.');
    }

    const ask = async () => {
      const seen = await provider.ask(account, payment);
      if (seen === null) throw upstreamUnavailable('Midtrans does not show this payment right now.');
      return seen;
    };
    if (!isFirst) {
      const known = stateOf((await learnFromProvider({ databases })(tenantId, paymentId, await ask())).payment);
      if (known.refund.status !== 'processing') return known;
    }

    const answer = await provider.refund(account, payment, refund, reason).catch((error: unknown) => {
      // Only of the very first attempt it is certain that nothing reached an account before.
      if (isFirst && isKeyRefused(error)) return null;
      throw error;
    });
    if (answer === null) return fail(KEY_REFUSED);
    if (answer.kind === 'refused') {
      logger.warn({ tenantId, paymentId, refundId, code: answer.code }, 'the provider refuses a refund');
    }
    const seen = answer.kind === 'refused' ? await ask() : null;
    return databases.withTenant(tenantId, async (uow) => {
      let stream = await loadPaymentForUpdate(uow, paymentId);
      if (stream === null) throw paymentNotFound(`There is no payment ${paymentId}.`);
      if (seen !== null) {
        stream = await savePayment(uow, stream, observe(stream.payment, seen, uow.now));
        if (answer.kind === 'refused') {
          stream = await savePayment(uow, stream, failRefund(stream.payment, refundId, answer.code));
        }
      } else if (refundOf(stream.payment, refundId)?.status !== 'succeeded') {
        const data = { refundId, amount: toMoneyView(refund.amount) };
        stream = await savePayment(uow, stream, [{ type: 'refund-succeeded', data }]);
      }
      return stateOf(stream.payment);
    });
  };

export type AttemptRefund = ReturnType<typeof attemptRefund>;
