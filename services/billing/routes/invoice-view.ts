import type { ResponseOf } from '@tenantry/contract/endpoint.ts';
import { formatInstant } from '@tenantry/kernel/instant.ts';
import { toMoneyView } from '@tenantry/kernel/money.ts';
import type { readInvoiceStanding } from '../contract/invoices.ts';
import type { InvoiceViewBody } from '../contract/schemas.ts';
import { toLineFact, toTaxFact } from '../domain/facts.ts';
import { type Invoice, paymentUnderWay, shownPayment } from '../domain/invoice.ts';
import type { LoadedInvoice } from '../store/invoices.ts';

type InvoiceStandingBody = ResponseOf<typeof readInvoiceStanding>;

const orNull = (instant: Temporal.Instant | undefined): string | null =>
  instant === undefined ? null : formatInstant(instant);

export function toInvoiceView(invoice: Invoice): InvoiceViewBody {
  const issued = invoice.status === 'draft' ? undefined : invoice;
  return {
    id: invoice.id,
    status: invoice.status,
    number: issued?.number ?? null,
    customerId: invoice.customerId,
    subscriptionId: invoice.subscriptionId,
    paymentId: shownPayment(invoice)?.id ?? null,
    lines: invoice.lines.map(toLineFact),
    subtotal: toMoneyView(invoice.subtotal),
    tax: toMoneyView(invoice.tax),
    taxes: invoice.taxes.map(toTaxFact),
    total: toMoneyView(invoice.total),
    amountPaid: toMoneyView(invoice.amountPaid),
    amountRefunded: toMoneyView(invoice.amountRefunded),
    amountCredited: toMoneyView(invoice.amountCredited),
    finalizedAt: orNull(issued?.finalizedAt),
    dueAt: orNull(issued?.dueAt),
    paidAt: orNull(invoice.status === 'paid' ? invoice.paidAt : undefined),
    voidedAt: orNull(invoice.status === 'void' ? invoice.voidedAt : undefined),
    createdAt: formatInstant(invoice.createdAt),
  };
}

export const toInvoiceStanding = ({ invoice, version }: LoadedInvoice): InvoiceStandingBody => ({
  invoice: toInvoiceView(invoice),
  version,
  isPaymentUnderWay: invoice.status === 'open' && paymentUnderWay(invoice) !== undefined,
});
