import type { InvoiceId, PaymentId, RefundId } from '@tenantry/kernel/id.ts';
import type { Money } from '@tenantry/kernel/money.ts';
import { failPayment, refundPayment, reversePayment, settlePayment } from '../domain/follow-payment.ts';
import type { Invoice } from '../domain/invoice.ts';
import type { InvoiceEvent } from '../domain/invoice-events.ts';
import { type BillingUnitOfWork, loadInvoice } from '../store/invoices.ts';
import { billing } from './charge-invoice.ts';
import { noSuchInvoice } from './read-invoice.ts';
import { saveInvoice } from './save-invoice.ts';

type OfPayment = { readonly invoiceId: InvoiceId; readonly paymentId: PaymentId };

/**
 * What happened to a payment, applied to its invoice in the consumer's transaction. Deciding again about a fact already
 * known gives no events, so a fact heard twice changes nothing. A payment without its invoice is a mistake that a person
 * must see (a dead letter): the invoice commits before money is asked for.
 */
async function follow(
  uow: BillingUnitOfWork,
  { invoiceId }: OfPayment,
  action: `invoice:${string}`,
  decide: (invoice: Invoice) => readonly InvoiceEvent[],
): Promise<void> {
  const loaded = await loadInvoice(uow, invoiceId);
  if (loaded === null) throw noSuchInvoice(invoiceId);
  await saveInvoice(uow, loaded, decide(loaded.invoice), { principal: billing(uow.tenantId), action });
}

export const recordSettlement = (
  uow: BillingUnitOfWork,
  fact: OfPayment & { readonly amount: Money; readonly settledAt: Temporal.Instant },
): Promise<void> => follow(uow, fact, 'invoice:settle', (invoice) => settlePayment(invoice, fact));

export const recordFailure = (uow: BillingUnitOfWork, fact: OfPayment & { readonly reason: string }): Promise<void> =>
  follow(uow, fact, 'invoice:end-payment', (invoice) => failPayment(invoice, { ...fact, failedAt: uow.now }));

export const recordRefund = (
  uow: BillingUnitOfWork,
  fact: OfPayment & { readonly refundId: RefundId; readonly amount: Money },
): Promise<void> => follow(uow, fact, 'invoice:refund', (invoice) => refundPayment(invoice, fact));

export const recordReversal = (uow: BillingUnitOfWork, fact: OfPayment): Promise<void> =>
  follow(uow, fact, 'invoice:reverse', (invoice) => reversePayment(invoice, fact));
