import type { TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';
import { emit } from '@tenantry/events/emit.ts';
import { money, toMoneyView } from '@tenantry/kernel/money.ts';
import { schedule } from '@tenantry/kit/due/schedule.ts';
import { paymentFailed, paymentRefunded, paymentReversed, paymentSettled } from '../contract/events.ts';
import { evolve, type Payment, refundedMinor } from '../domain/payment.ts';
import type { PaymentEvent } from '../domain/payment-events.ts';
import { reversalCheckAt } from '../domain/reconciliation.ts';
import { appendToPayment, type PaymentStream } from '../store/payment-streams.ts';
import type { PaymentsUnitOfWork } from '../store/tables.ts';
import { REVERSAL_CHECK } from './due-kinds.ts';

/** Events, read rows, what others are told of them and what is to be done later: one transaction. Appending nothing tells nothing. */
export async function savePayment(
  uow: PaymentsUnitOfWork,
  stream: PaymentStream,
  events: readonly PaymentEvent[],
): Promise<PaymentStream> {
  let { payment, version } = stream;
  for (const event of events) {
    payment = evolve(payment, { ...event, recordedAt: uow.now });
    version += 1;
    await tell(uow, payment, event, version);
  }
  const saved = await appendToPayment(uow, stream, events);
  const checkAt = events.some(({ type }) => type === 'payment-settled')
    ? reversalCheckAt(saved.payment, uow.now)
    : null;
  if (checkAt !== null) await schedule(uow as TenantUnitOfWork, REVERSAL_CHECK, payment.id, checkAt);
  return saved;
}

async function tell(uow: PaymentsUnitOfWork, payment: Payment, event: PaymentEvent, version: number): Promise<void> {
  const { id, invoiceId, customerId } = payment;
  const at = { subject: id, version };
  const fact = { paymentId: id, invoiceId, customerId, amount: toMoneyView(payment.amount) };
  const outbox = uow as TenantUnitOfWork;
  switch (event.type) {
    case 'payment-settled':
      return emit(outbox, paymentSettled, { ...at, data: { ...fact, settledAt: event.data.settledAt } });
    case 'payment-denied':
      return emit(outbox, paymentFailed, { ...at, data: { ...fact, reason: 'denied' } });
    case 'payment-canceled':
      return emit(outbox, paymentFailed, { ...at, data: { ...fact, reason: 'canceled' } });
    case 'payment-expired':
      return emit(outbox, paymentFailed, { ...at, data: { ...fact, reason: 'expired' } });
    case 'payment-reversed':
      return emit(outbox, paymentReversed, { ...at, data: { ...fact, cause: 'reversal' } });
    case 'payment-charged-back':
      return emit(outbox, paymentReversed, { ...at, data: { ...fact, cause: 'chargeback' } });
    case 'refund-succeeded': {
      const total = refundedMinor(payment);
      const refund = {
        refundId: event.data.refundId,
        amount: event.data.amount,
        refundedTotal: toMoneyView(money(total, payment.amount.currency)),
        isFull: total >= payment.amount.minor,
      };
      return emit(outbox, paymentRefunded, { ...at, data: { ...fact, ...refund } });
    }
    default:
      return;
  }
}
