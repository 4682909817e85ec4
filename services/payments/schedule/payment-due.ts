import { idFromUuid } from '@tenantry/kernel/id.ts';
import type { DueHandler } from '@tenantry/kit/due/ticker.ts';
import type { checkReversal } from '../use-cases/check-reversal.ts';
import { PAYMENT_RECONCILIATION, REFUND_RECONCILIATION, REVERSAL_CHECK } from '../use-cases/due-kinds.ts';
import type { reconcilePayment } from '../use-cases/reconcile-payment.ts';
import type { reconcileRefund } from '../use-cases/reconcile-refund.ts';

export const paymentDue = (useCases: {
  readonly checkReversal: ReturnType<typeof checkReversal>;
  readonly reconcilePayment: ReturnType<typeof reconcilePayment>;
  readonly reconcileRefund: ReturnType<typeof reconcileRefund>;
}): Readonly<Record<string, DueHandler>> => ({
  [PAYMENT_RECONCILIATION]: ({ tenantId, uuid }) => useCases.reconcilePayment(tenantId, idFromUuid('pay', uuid)),
  [REVERSAL_CHECK]: ({ tenantId, uuid, attempts }) =>
    useCases.checkReversal(tenantId, idFromUuid('pay', uuid), attempts),
  [REFUND_RECONCILIATION]: ({ tenantId, uuid }) => useCases.reconcileRefund(tenantId, idFromUuid('rfd', uuid)),
});
