import { mayReach, type Principal } from '@tenantry/auth/principal.ts';
import type { TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';
import type { PaymentId, RefundId } from '@tenantry/kernel/id.ts';
import { formatAmount, type MoneyView, toMoneyView } from '@tenantry/kernel/money.ts';
import { recordAudit } from '@tenantry/kit/audit.ts';
import { schedule } from '@tenantry/kit/due/schedule.ts';
import { KEY_REFUSED, requestRefund } from '../domain/commands.ts';
import { type Payment, type Refund, refundOf } from '../domain/payment.ts';
import { type ReasonedRefund, toRefundRecord } from '../domain/payment-record.ts';
import { firstAttemptAt } from '../domain/reconciliation.ts';
import { paymentNotConfigured, paymentNotFound, refundRefused } from '../problems.ts';
import { loadPaymentForUpdate } from '../store/payment-streams.ts';
import { keepRefundReason, readRefundReason } from '../store/payments.ts';
import type { PaymentsUnitOfWork } from '../store/tables.ts';
import type { AttemptRefund } from './attempt-refund.ts';
import { REFUND_RECONCILIATION } from './due-kinds.ts';
import { isOutcomeUnknown } from './is-outcome-unknown.ts';
import type { PaymentsDeps } from './payments-deps.ts';
import { savePayment } from './save-payment.ts';

export type RefundCommand = {
  readonly id: RefundId;
  /** Null: all that is left. */
  readonly amount: MoneyView | null;
  readonly reason: string;
};

type Reservation = {
  readonly payment: Payment;
  readonly refund: Refund;
  readonly reason: string;
  readonly isNew: boolean;
};

/** Reserves the amount, asks the provider, writes down its answer. A repeat with the same refund id goes on. */
export const refundPayment =
  ({
    databases,
    logger,
    attemptRefund,
  }: Pick<PaymentsDeps, 'databases' | 'logger'> & { readonly attemptRefund: AttemptRefund }) =>
  async (principal: Principal, paymentId: PaymentId, command: RefundCommand): Promise<ReasonedRefund> => {
    const { tenantId } = principal;
    const reserved = await databases.withTenant(tenantId, (uow) => reserve(uow, principal, paymentId, command));
    let { payment, refund } = reserved;
    if (refund.status === 'processing') {
      try {
        ({ payment, refund } = await attemptRefund(tenantId, paymentId, command.id, { isFirst: reserved.isNew }));
      } catch (error) {
        if (!isOutcomeUnknown(error)) throw error;
        const ids = { tenantId, paymentId, refundId: command.id };
        logger.warn({ err: error, ...ids }, 'the outcome of a refund is unknown; it will be asked for');
      }
    }
    if (refund.status === 'failed' && refund.refusalCode === KEY_REFUSED) {
      throw paymentNotConfigured('Midtrans does not take the server key of this tenant. Have an admin set it again.');
    }
    if (refund.status === 'failed') {
      throw refundRefused(
        `Midtrans refused to refund ${formatAmount(refund.amount)} ${refund.amount.currency} of payment ${paymentId} ` +
          `(code ${refund.refusalCode}). Check the refund window of the method and the balance at Midtrans.`,
      );
    }
    return { ...toRefundRecord(payment, refund), reason: reserved.reason };
  };

async function reserve(
  uow: PaymentsUnitOfWork,
  principal: Principal,
  paymentId: PaymentId,
  command: RefundCommand,
): Promise<Reservation> {
  const stream = await loadPaymentForUpdate(uow, paymentId);
  if (stream === null || !mayReach(principal, 'refund:create', stream.payment.customerId)) {
    throw paymentNotFound(`There is no payment ${paymentId}.`);
  }
  const known = refundOf(stream.payment, command.id);
  if (known !== undefined) {
    const reason = await readRefundReason(uow, command.id);
    return { payment: stream.payment, refund: known, reason, isNew: false };
  }
  const { payment } = await savePayment(uow, stream, requestRefund(stream.payment, command));
  const refund = refundOf(payment, command.id);
  if (refund === undefined) throw new Error('A requested refund is part of its payment.');
  await keepRefundReason(uow, command.id, command.reason);
  await schedule(uow as TenantUnitOfWork, REFUND_RECONCILIATION, command.id, firstAttemptAt(uow.now));
  await recordAudit(uow as TenantUnitOfWork, principal, {
    action: 'refund:create',
    resource: command.id,
    detail: { paymentId, amount: toMoneyView(refund.amount) },
  });
  return { payment, refund, reason: command.reason, isNew: true };
}
