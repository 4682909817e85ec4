import { emit } from '@tenantry/events/emit.ts';
import { formatInstant } from '@tenantry/kernel/instant.ts';
import { toMoneyView } from '@tenantry/kernel/money.ts';
import {
  invoiceFinalized,
  invoicePaid,
  invoicePaymentReversed,
  invoiceRefunded,
  invoiceVoided,
} from '../contract/events.ts';
import { findPayment, type Invoice } from '../domain/invoice.ts';
import type { InvoiceEvent } from '../domain/invoice-events.ts';
import type { BillingUnitOfWork } from '../store/invoices.ts';

/** Tells others what concerns them. Drafts, requests and credits stay inside. */
export async function tellInvoiceEvent(
  uow: BillingUnitOfWork,
  event: InvoiceEvent,
  before: Invoice | null,
  after: Invoice,
  version: number,
): Promise<void> {
  if (after.status === 'draft') return;
  const subject = after.id;
  const fact = {
    invoiceId: after.id,
    number: after.number,
    customerId: after.customerId,
    subscriptionId: after.subscriptionId,
    total: toMoneyView(after.total),
  };
  switch (event.type) {
    case 'invoice-finalized':
      return emit(uow, invoiceFinalized, { subject, version, data: { ...fact, dueAt: formatInstant(after.dueAt) } });
    case 'invoice-paid': {
      const { paymentId, settledAt: paidAt } = event.data;
      return emit(uow, invoicePaid, { subject, version, data: { ...fact, paymentId, paidAt } });
    }
    case 'invoice-voided':
      return emit(uow, invoiceVoided, { subject, version, data: fact });
    case 'payment-refunded': {
      // Giving back what was never owed changes nothing for the invoice.
      if (findPayment(after, event.data.paymentId)?.status !== 'allocated') return;
      const { refundId, amount: refunded } = event.data;
      const isFull = after.amountRefunded.minor >= after.total.minor;
      return emit(uow, invoiceRefunded, { subject, version, data: { ...fact, refundId, refunded, isFull } });
    }
    case 'payment-reversed': {
      const reopened = before?.status === 'paid' && after.status === 'open';
      if (!reopened) return;
      const { paymentId } = event.data;
      return emit(uow, invoicePaymentReversed, { subject, version, data: { ...fact, paymentId } });
    }
    case 'invoice-drafted':
    case 'payment-requested':
    case 'payment-failed':
    case 'payment-credited':
    case 'payment-fact-held':
      return;
  }
}
