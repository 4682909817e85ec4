import type { CustomerId, InvoiceId, PaymentId, RefundId, SubscriptionId } from '@tenantry/kernel/id.ts';
import { add, type Currency, type Money, subtract, sum, zero } from '@tenantry/kernel/money.ts';
import type { InvoiceLine } from './invoice-line.ts';
import type { Tax } from './tax.ts';

/** How the customer wants to pay, as payments understands it. */
export type PaymentMethodFact = Readonly<Record<string, string>>;

/** Something heard about a payment before its settlement: kept until that arrives, because only then it means something. */
export type HeldFact =
  | { readonly kind: 'refund'; readonly refundId: RefundId; readonly amount: Money }
  | { readonly kind: 'reversal' };

/**
 * A payment as its invoice knows it. `allocated`: it covers the invoice. `credited`: the money is there but nothing was
 * owed any more, so it is owed back to the customer. `unknown`: heard of, but neither requested here nor settled yet.
 */
export type InvoicePayment = {
  readonly id: PaymentId;
  /** Null when nobody here asked for it. */
  readonly cause: PaymentCause | null;
  readonly method: PaymentMethodFact | null;
  readonly amount: Money;
  readonly status: 'requested' | 'failed' | 'unknown' | 'allocated' | 'credited';
  readonly settledAt: Temporal.Instant | null;
  readonly refunds: readonly { readonly id: RefundId; readonly amount: Money }[];
  readonly isReversed: boolean;
  readonly held: readonly HeldFact[];
};

/**
 * Who asked: the first collection of a subscription, the collection of a later period, or somebody who pays an open
 * invoice. An order ends with its payment; what a renewal owes stays owed, and can be paid another way.
 */
export type PaymentCause = 'order' | 'renewal' | 'pay';

type InvoiceFacts = {
  readonly id: InvoiceId;
  readonly customerId: CustomerId;
  readonly subscriptionId: SubscriptionId | null;
  readonly currency: Currency;
  readonly lines: readonly InvoiceLine[];
  readonly subtotal: Money;
  /** Of a draft: as things stood when it was drafted. Of every other invoice: as finalised, for good. */
  readonly taxes: readonly Tax[];
  readonly tax: Money;
  readonly total: Money;
  readonly payments: readonly InvoicePayment[];
  readonly amountPaid: Money;
  readonly amountRefunded: Money;
  /** Came in when nothing was owed any more: owed back to the customer. */
  readonly amountCredited: Money;
  readonly createdAt: Temporal.Instant;
};

type Issued = InvoiceFacts & {
  readonly number: string;
  /** The tenant's when the invoice was finalised: its dates are shown in it. */
  readonly timeZone: string;
  readonly finalizedAt: Temporal.Instant;
  /** The request that did it, so that its repeat finds it done. */
  readonly finalizedBy: string;
  readonly dueAt: Temporal.Instant;
};

export type VoidReason = 'declared' | 'payment-failed' | 'payment-refused' | 'subscription-ended';

export type DraftInvoice = InvoiceFacts & { readonly status: 'draft' };
export type OpenInvoice = Issued & { readonly status: 'open' };
export type PaidInvoice = Issued & { readonly status: 'paid'; readonly paidAt: Temporal.Instant };
export type VoidInvoice = Issued & {
  readonly status: 'void';
  readonly voidedAt: Temporal.Instant;
  readonly voidReason: VoidReason;
  readonly voidedBy: string | null;
};
export type IssuedInvoice = OpenInvoice | PaidInvoice | VoidInvoice;
export type Invoice = DraftInvoice | IssuedInvoice;

export const amountDue = (invoice: Invoice): Money => subtract(invoice.total, invoice.amountPaid);

export const findPayment = (invoice: Invoice, paymentId: string): InvoicePayment | undefined =>
  invoice.payments.find((payment) => payment.id === paymentId);

export const paymentUnderWay = (invoice: Invoice): InvoicePayment | undefined =>
  invoice.payments.find((payment) => payment.status === 'requested');

/** The payment that whoever looks at the invoice wants to see: what covered it, else what was asked for last. */
export const shownPayment = (invoice: Invoice): InvoicePayment | undefined =>
  invoice.payments.findLast((payment) => payment.status === 'allocated' && !payment.isReversed) ??
  invoice.payments.findLast((payment) => payment.cause !== null);

export const isSettled = (payment: InvoicePayment): boolean =>
  payment.status === 'allocated' || payment.status === 'credited';

export const refundedOf = (payment: InvoicePayment): Money =>
  payment.refunds.reduce((total, refund) => add(total, refund.amount), zero(payment.amount.currency));

/** What of a settled payment is still with us: after a reversal, what was refunded before counts as taken and given back. */
const keptOf = (payment: InvoicePayment): Money => (payment.isReversed ? refundedOf(payment) : payment.amount);

/**
 * Amounts and, once issued, whether the invoice is open or paid, out of what is known of its payments. A function of the
 * facts alone, so the order in which they were heard cannot matter.
 */
export function withPayments(invoice: Invoice, payments: readonly InvoicePayment[]): Invoice {
  const { currency } = invoice;
  const allocated = payments.filter((payment) => payment.status === 'allocated');
  const credited = payments.filter((payment) => payment.status === 'credited');
  const amounts = {
    payments,
    amountPaid: sum(allocated.map(keptOf), currency),
    amountRefunded: sum(allocated.map(refundedOf), currency),
    amountCredited: sum(
      credited.map((payment) => subtract(keptOf(payment), refundedOf(payment))),
      currency,
    ),
  };
  if (invoice.status === 'draft' || invoice.status === 'void') return { ...invoice, ...amounts };
  const { status: _status, ...issued } = invoice;
  const settledAt = allocated.map((payment) => payment.settledAt).filter((instant) => instant !== null);
  const paidAt = settledAt.toSorted(Temporal.Instant.compare).at(-1);
  if (paidAt === undefined || amounts.amountPaid.minor < invoice.total.minor) {
    const { paidAt: _paidAt, ...unpaid } = issued as typeof issued & { paidAt?: Temporal.Instant };
    return { ...unpaid, ...amounts, status: 'open' };
  }
  return { ...issued, ...amounts, status: 'paid', paidAt };
}
