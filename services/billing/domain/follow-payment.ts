import type { PaymentId, RefundId } from '@tenantry/kernel/id.ts';
import { formatInstant } from '@tenantry/kernel/instant.ts';
import { type Money, subtract, toMoneyView, zero } from '@tenantry/kernel/money.ts';
import { conflict, invalidTransition } from '@tenantry/kernel/problems.ts';
import { paymentUnderWayAlready } from '../problems.ts';
import { evolve } from './evolve.ts';
import {
  amountDue,
  findPayment,
  type HeldFact,
  type Invoice,
  isSettled,
  type PaymentCause,
  type PaymentMethodFact,
  paymentUnderWay,
  refundedOf,
} from './invoice.ts';
import type { InvoiceEvent } from './invoice-events.ts';
import { voidInvoice } from './issue-invoice.ts';

type Events = readonly InvoiceEvent[];

/** One payment at a time: two could both be paid. The same payment asked for again is the repeat of a request. */
export function requestPayment(
  invoice: Invoice,
  request: { readonly paymentId: PaymentId; readonly cause: PaymentCause; readonly method: PaymentMethodFact },
): Events {
  const known = findPayment(invoice, request.paymentId);
  if (known?.cause === request.cause) return [];
  if (known !== undefined) throw conflict(`Payment ${request.paymentId} exists already. Ask for a new one.`);
  if (invoice.status !== 'open') {
    throw invalidTransition(`This invoice is ${invoice.status}. Only an open invoice can be paid.`, {
      extensions: { from: invoice.status, to: 'paid' },
    });
  }
  const underWay = paymentUnderWay(invoice);
  if (underWay !== undefined) {
    throw paymentUnderWayAlready('A payment of this invoice is under way. Make it, or wait until it has expired.', {
      extensions: { paymentId: underWay.id },
    });
  }
  return [{ type: 'payment-requested', data: { ...request, amount: toMoneyView(amountDue(invoice)) } }];
}

/**
 * Money is there. It covers the invoice when that is open and exactly this is owed; otherwise (void meanwhile, paid
 * already, another amount) it is kept as the customer's credit. What was heard of the payment before takes effect now.
 */
export function settlePayment(
  invoice: Invoice,
  fact: { readonly paymentId: PaymentId; readonly amount: Money; readonly settledAt: Temporal.Instant },
): Events {
  assertSameCurrency(invoice, fact.amount);
  const payment = findPayment(invoice, fact.paymentId);
  if (payment !== undefined && isSettled(payment)) return [];
  const covers = invoice.status === 'open' && fact.amount.minor === amountDue(invoice).minor;
  const settled: InvoiceEvent = {
    type: covers ? 'invoice-paid' : 'payment-credited',
    data: {
      paymentId: fact.paymentId,
      amount: toMoneyView(fact.amount),
      settledAt: formatInstant(fact.settledAt),
    },
  };
  return releaseHeld(evolve(invoice, settled), fact.paymentId, payment?.held ?? [], [settled]);
}

function releaseHeld(invoice: Invoice, paymentId: PaymentId, held: readonly HeldFact[], events: Events): Events {
  const [first, ...rest] = held;
  if (first === undefined) return events;
  const released =
    first.kind === 'refund' ? refundPayment(invoice, { paymentId, ...first }) : reversePayment(invoice, { paymentId });
  return releaseHeld(released.reduce<Invoice>(evolve, invoice), paymentId, rest, [...events, ...released]);
}

/** The payment will not come. An order ends with it; what a renewal owes, or somebody tried to pay, stays open. */
export function failPayment(
  invoice: Invoice,
  fact: { readonly paymentId: PaymentId; readonly reason: string; readonly failedAt: Temporal.Instant },
): Events {
  const payment = findPayment(invoice, fact.paymentId);
  if (payment?.status !== 'requested') return [];
  const failed: InvoiceEvent = { type: 'payment-failed', data: { paymentId: fact.paymentId, reason: fact.reason } };
  if (payment.cause !== 'order' || invoice.status !== 'open') return [failed];
  const reason = fact.reason === 'refused' ? 'payment-refused' : 'payment-failed';
  return [failed, ...voidInvoice(evolve(invoice, failed), { reason, voidedAt: fact.failedAt, voidedBy: null })];
}

/** Money went back. Counted once per refund. */
export function refundPayment(
  invoice: Invoice,
  fact: { readonly paymentId: PaymentId; readonly refundId: RefundId; readonly amount: Money },
): Events {
  assertSameCurrency(invoice, fact.amount);
  const { paymentId, refundId } = fact;
  const data = { paymentId, refundId, amount: toMoneyView(fact.amount) };
  const payment = findPayment(invoice, paymentId);
  if (payment === undefined || !isSettled(payment)) {
    const isHeld = payment?.held.some((held) => held.kind === 'refund' && held.refundId === refundId) ?? false;
    return isHeld ? [] : [{ type: 'payment-fact-held', data }];
  }
  return payment.refunds.some((refund) => refund.id === refundId) ? [] : [{ type: 'payment-refunded', data }];
}

/** The provider or the payer's bank took back what was still there. */
export function reversePayment(invoice: Invoice, fact: { readonly paymentId: PaymentId }): Events {
  const { paymentId } = fact;
  const payment = findPayment(invoice, paymentId);
  if (payment === undefined || !isSettled(payment)) {
    if (payment?.held.some((held) => held.kind === 'reversal') === true) return [];
    const amount = toMoneyView(zero(invoice.currency));
    return [{ type: 'payment-fact-held', data: { paymentId, refundId: null, amount } }];
  }
  if (payment.isReversed) return [];
  const amount = toMoneyView(subtract(payment.amount, refundedOf(payment)));
  return [{ type: 'payment-reversed', data: { paymentId, amount } }];
}

/** We asked for the invoice's currency, so anything else is a mistake that a person has to look at. */
function assertSameCurrency(invoice: Invoice, amount: Money): void {
  if (amount.currency === invoice.currency) return;
  throw conflict(
    `Invoice ${invoice.id} is in ${invoice.currency}; a payment in ${amount.currency} cannot belong to it.`,
  );
}
