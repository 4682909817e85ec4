import type { CustomerId, InvoiceId, PaymentId, RefundId, SubscriptionId } from '@tenantry/kernel/id.ts';
import type { Currency, MoneyView } from '@tenantry/kernel/money.ts';
import type { PaymentCause, PaymentMethodFact, VoidReason } from './invoice.ts';

/**
 * What can happen to an invoice, as it lies in the event store: plain JSON, amounts as decimal strings, instants in
 * RFC 3339. Ids and amounts only: who the customer is stands in an encrypted row, never here.
 */
export type LineFact = {
  readonly description: string;
  readonly quantity: number;
  readonly unitPrice: MoneyView;
  readonly amount: MoneyView;
  readonly period: { readonly start: string; readonly end: string } | null;
};

export type TaxFact = {
  readonly name: string;
  readonly rate: string;
  readonly base: MoneyView;
  readonly otherBase: MoneyView | null;
  readonly amount: MoneyView;
};

type Of<Type extends string, Data> = { readonly type: Type; readonly data: Readonly<Data> };

export type InvoiceDrafted = Of<
  'invoice-drafted',
  {
    invoiceId: InvoiceId;
    customerId: CustomerId;
    subscriptionId: SubscriptionId | null;
    currency: Currency;
    lines: readonly LineFact[];
    taxes: readonly TaxFact[];
    createdAt: string;
  }
>;

export type InvoiceFinalized = Of<
  'invoice-finalized',
  {
    number: string;
    timeZone: string;
    taxes: readonly TaxFact[];
    finalizedAt: string;
    finalizedBy: string;
    dueAt: string;
  }
>;

export type PaymentRequested = Of<
  'payment-requested',
  { paymentId: PaymentId; cause: PaymentCause; method: PaymentMethodFact; amount: MoneyView }
>;

export type PaymentFailed = Of<'payment-failed', { paymentId: PaymentId; reason: string }>;

/** The payment covers what was owed. */
export type InvoicePaid = Of<'invoice-paid', { paymentId: PaymentId; amount: MoneyView; settledAt: string }>;

/** Money came in when nothing was owed: late, twice, or another amount than asked for. */
export type PaymentCredited = Of<'payment-credited', { paymentId: PaymentId; amount: MoneyView; settledAt: string }>;

export type PaymentRefunded = Of<'payment-refunded', { paymentId: PaymentId; refundId: RefundId; amount: MoneyView }>;

/** `amount` is what the reversal took: the payment less what had been refunded. */
export type PaymentReversed = Of<'payment-reversed', { paymentId: PaymentId; amount: MoneyView }>;

/** A refund (`refundId` set) or a reversal that was heard before the settlement. */
export type PaymentFactHeld = Of<
  'payment-fact-held',
  { paymentId: PaymentId; refundId: RefundId | null; amount: MoneyView }
>;

export type InvoiceVoided = Of<'invoice-voided', { reason: VoidReason; voidedAt: string; voidedBy: string | null }>;

export type InvoiceEvent =
  | InvoiceDrafted
  | InvoiceFinalized
  | PaymentRequested
  | PaymentFailed
  | InvoicePaid
  | PaymentCredited
  | PaymentRefunded
  | PaymentReversed
  | PaymentFactHeld
  | InvoiceVoided;

/** The first event of every invoice's stream. */
export const INVOICE_STREAM_BEGINS_WITH: InvoiceDrafted['type'] = 'invoice-drafted';
