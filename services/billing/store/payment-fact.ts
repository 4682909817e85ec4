import type { PaymentId, RefundId } from '@tenantry/kernel/id.ts';
import { formatInstant, parseInstant } from '@tenantry/kernel/instant.ts';
import { type MoneyView, parseMoney, toMoneyView } from '@tenantry/kernel/money.ts';
import type { HeldFact, InvoicePayment, PaymentCause, PaymentMethodFact } from '../domain/invoice.ts';

/** A payment of an invoice as plain JSON, in the column `payments`. */
export type PaymentFact = {
  readonly id: PaymentId;
  readonly cause: PaymentCause | null;
  readonly method: PaymentMethodFact | null;
  readonly amount: MoneyView;
  readonly status: InvoicePayment['status'];
  readonly settledAt: string | null;
  readonly refunds: readonly { readonly id: RefundId; readonly amount: MoneyView }[];
  readonly isReversed: boolean;
  readonly held: readonly (
    | { readonly kind: 'refund'; readonly refundId: RefundId; readonly amount: MoneyView }
    | { readonly kind: 'reversal' }
  )[];
};

export const toPaymentFact = (payment: InvoicePayment): PaymentFact => ({
  ...payment,
  amount: toMoneyView(payment.amount),
  settledAt: payment.settledAt === null ? null : formatInstant(payment.settledAt),
  refunds: payment.refunds.map((refund) => ({ id: refund.id, amount: toMoneyView(refund.amount) })),
  held: payment.held.map((fact) =>
    fact.kind === 'refund' ? { ...fact, amount: toMoneyView(fact.amount) } : { kind: fact.kind },
  ),
});

export const fromPaymentFact = (fact: PaymentFact): InvoicePayment => ({
  ...fact,
  amount: parseMoney(fact.amount),
  settledAt: fact.settledAt === null ? null : parseInstant(fact.settledAt),
  refunds: fact.refunds.map((refund) => ({ id: refund.id, amount: parseMoney(refund.amount) })),
  held: fact.held.map(
    (held): HeldFact => (held.kind === 'refund' ? { ...held, amount: parseMoney(held.amount) } : { kind: held.kind }),
  ),
});
