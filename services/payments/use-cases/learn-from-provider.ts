import type { PaymentId, TenantId } from '@tenantry/kernel/id.ts';
import { type Observation, observe } from '../domain/observe.ts';
import type { Payment } from '../domain/payment.ts';
import type { PaymentEvent } from '../domain/payment-events.ts';
import { paymentNotFound } from '../problems.ts';
import { loadPaymentForUpdate, type PaymentStream } from '../store/payment-streams.ts';
import type { PaymentsUnitOfWork } from '../store/tables.ts';
import type { PaymentsDeps } from './payments-deps.ts';
import { savePayment } from './save-payment.ts';

/** Writes down what follows from the payment as it is by now; nothing, when nothing follows. */
export async function changePayment(
  uow: PaymentsUnitOfWork,
  id: PaymentId,
  decide: (payment: Payment) => readonly PaymentEvent[],
): Promise<PaymentStream> {
  const stream = await loadPaymentForUpdate(uow, id);
  if (stream === null) throw paymentNotFound(`There is no payment ${id}.`);
  return savePayment(uow, stream, decide(stream.payment));
}

/**
 * Writes down what the provider said. Answers may be handled twice, side by side and late: `observe` takes from each
 * what is new.
 */
export const learnFromProvider =
  ({ databases }: Pick<PaymentsDeps, 'databases'>) =>
  (tenantId: TenantId, id: PaymentId, seen: Observation): Promise<PaymentStream> =>
    databases.withTenant(tenantId, (uow) => changePayment(uow, id, (payment) => observe(payment, seen, uow.now)));
