import type { CustomerId, InvoiceId, RefundId } from '@tenantry/kernel/id.ts';
import type { MoneyView } from '@tenantry/kernel/money.ts';
import type { Instructions, PaymentMethod } from './payment-method.ts';

/**
 * What happens to a payment, as it is stored: plain JSON, amounts as decimal strings, instants as RFC 3339. Ids, codes
 * and amounts only; who pays and why something is refunded is not in here, because events are kept for ever.
 */
export type PaymentRequested = {
  readonly type: 'payment-requested';
  readonly data: {
    readonly invoiceId: InvoiceId;
    readonly customerId: CustomerId;
    readonly amount: MoneyView;
    readonly method: PaymentMethod;
    readonly description: string;
  };
};

/** The provider knows the payment. Told again when a later answer knows more than an earlier one. */
type PaymentRegistered = {
  readonly type: 'payment-registered';
  readonly data: {
    readonly transactionId: string | null;
    readonly instructions: Instructions | null;
    readonly expiresAt: string | null;
  };
};

type Bare<Type extends string> = { readonly type: Type; readonly data: Readonly<Record<never, never>> };

type RefundFact<Type extends string> = {
  readonly type: Type;
  readonly data: { readonly refundId: RefundId; readonly amount: MoneyView };
};

export type PaymentEvent =
  | PaymentRequested
  | PaymentRegistered
  | Bare<'payment-authorized'>
  | Bare<'payment-put-in-review'>
  | { readonly type: 'payment-settled'; readonly data: { readonly settledAt: string } }
  | { readonly type: 'payment-denied'; readonly data: { readonly refusalCode: string | null } }
  | Bare<'payment-canceled'>
  /** Presumed: not the provider said so, it has said nothing about the payment until long after its time. */
  | { readonly type: 'payment-expired'; readonly data: { readonly isPresumed?: true } }
  | Bare<'payment-reversed'>
  | Bare<'payment-charged-back'>
  /** From here on the amount is taken, whatever becomes of it: refunds asked for at the same time cannot share it. */
  | RefundFact<'refund-requested'>
  | RefundFact<'refund-succeeded'>
  /** The amount may be refunded again. */
  | { readonly type: 'refund-failed'; readonly data: { readonly refundId: RefundId; readonly refusalCode: string } };

export const FIRST_EVENT_TYPES: readonly PaymentEvent['type'][] = ['payment-requested'];
