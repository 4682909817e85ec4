import type { InvoiceId, PaymentId, RefundId, UserId } from '@tenantry/kernel/id.ts';
import { type Currency, type Money, money } from '@tenantry/kernel/money.ts';
import { evolve } from '../domain/evolve.ts';
import { requestPayment } from '../domain/follow-payment.ts';
import type { Invoice, PaymentCause } from '../domain/invoice.ts';
import type { InvoiceEvent } from '../domain/invoice-events.ts';
import type { NewLine } from '../domain/invoice-line.ts';
import { draftInvoice, finalizeInvoice } from '../domain/issue-invoice.ts';
import type { TaxScheme } from '../domain/tax.ts';

const INVOICE_ID: InvoiceId = 'inv_01h455vb4pex5vsknk084sn02q';
const CUSTOMER_ID: UserId = 'usr_01h455vb4pex5vsknk084sn02q';
export const PAYMENT_ID: PaymentId = 'pay_01h455vb4pex5vsknk084sn02q';
export const REFUND_IDS: readonly [RefundId, RefundId] = [
  'rfd_01h455vb4pex5vsknk084sn02q',
  'rfd_01h455vb4pex5vsknk084sn02r',
];
export const NOW = Temporal.Instant.from('2026-11-21T09:30:00Z');

export const idr = (minor: bigint): Money => money(minor, 'IDR');

export const newLine = (amount: string, quantity = 1, currency: Currency = 'IDR'): NewLine => ({
  description: 'Pro, one month',
  quantity,
  unitPrice: { amount, currency },
});

/** A decision applied: the invoice after it, and the events that it consists of. */
export type Story = { readonly invoice: Invoice; readonly events: readonly InvoiceEvent[] };

export function givenDraft(lines: readonly NewLine[] = [newLine('150000')], taxScheme: TaxScheme = 'ppn'): Story {
  const event = draftInvoice(
    { invoiceId: INVOICE_ID, customerId: CUSTOMER_ID, subscriptionId: null, lines },
    { currency: 'IDR', taxScheme, createdAt: NOW },
  );
  return { invoice: evolve(null, event), events: [event] };
}

export const after = (story: Story, decide: (invoice: Invoice) => readonly InvoiceEvent[]): Story => {
  const events = decide(story.invoice);
  return { invoice: events.reduce<Invoice>(evolve, story.invoice), events: [...story.events, ...events] };
};

export const givenOpen = (lines?: readonly NewLine[], taxScheme: TaxScheme = 'ppn'): Story =>
  after(givenDraft(lines, taxScheme), (draft) => [
    finalizeInvoice(draft, {
      number: 'ACME-2026-000001',
      taxScheme,
      timeZone: 'Asia/Jakarta',
      finalizedAt: NOW,
      finalizedBy: '01890a5d-ac96-774b-bcce-b302099a8057',
      termDays: 14,
    }),
  ]);

/** An open invoice with a payment under way. */
export const givenRequested = (cause: PaymentCause = 'order', paymentId = PAYMENT_ID): Story =>
  after(givenOpen(), (invoice) =>
    requestPayment(invoice, { paymentId, cause, method: { type: 'bank_transfer', bank: 'bca' } }),
  );
