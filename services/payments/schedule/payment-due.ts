import { idFromUuid } from '@tenantry/kernel/id.ts';
import type { DueHandler } from '@tenantry/kit/due/ticker.ts';
import { PAYMENT_RECONCILIATION, REFUND_RECONCILIATION } from '../use-cases/due-kinds.ts';
import type { reconcilePayment } from '../use-cases/reconcile-payment.ts';
import type { reconcileRefund } from '../use-cases/reconcile-refund.ts';

export const paymentDue = (useCases: {
  readonly reconcilePayment: ReturnType<typeof reconcilePayment>;
  readonly reconcileRefund: ReturnType<typeof reconcileRefund>;
}): Readonly<Record<string, DueHandler>> => ({
  [PAYMENT_RECONCILIATION]: ({ tenantId, uuid }) => useCases.reconcilePayment(tenantId, idFromUuid('pay', uuid)),
  [REFUND_RECONCILIATION]: ({ tenantId, uuid }) => useCases.reconcileRefund(tenantId, idFromUuid('rfd', uuid)),
});
