import type { RefundId, TenantId } from '@tenantry/kernel/id.ts';
import { refundOf } from '../domain/payment.ts';
import { nextAttemptAt } from '../domain/reconciliation.ts';
import { loadPayment } from '../store/payment-streams.ts';
import { findPaymentOfRefund } from '../store/payments.ts';
import type { AttemptRefund } from './attempt-refund.ts';
import type { PaymentsDeps } from './payments-deps.ts';

/** Tries a refund again whose outcome is unknown. Answers when to do it again; undefined when the outcome is known. */
export const reconcileRefund =
  ({
    databases,
    clock,
    logger,
    attemptRefund,
  }: Pick<PaymentsDeps, 'databases' | 'clock' | 'logger'> & { readonly attemptRefund: AttemptRefund }) =>
  async (tenantId: TenantId, refundId: RefundId): Promise<Temporal.Instant | undefined> => {
    const payment = await databases.withTenant.read(tenantId, async (reader) => {
      const paymentId = await findPaymentOfRefund(reader, refundId);
      return paymentId === null ? null : ((await loadPayment(reader, paymentId))?.payment ?? null);
    });
    const refund = payment === null ? undefined : refundOf(payment, refundId);
    if (payment === null || refund?.status !== 'processing') return undefined;
    try {
      const { refund: after } = await attemptRefund(tenantId, payment.id, refundId, { isFirst: false });
      if (after.status !== 'processing') return undefined;
    } catch (error) {
      logger.warn({ err: error, tenantId, refundId }, 'a refund could not be reconciled; it will be tried again');
    }
    return nextAttemptAt(refund.createdAt, clock.now());
  };
