import type { JsonObject } from './json.ts';

export type TransactionStatus =
  | 'pending'
  | 'authorize'
  | 'capture'
  | 'settlement'
  | 'deny'
  | 'cancel'
  | 'expire'
  | 'failure'
  | 'refund'
  | 'partial_refund'
  | 'chargeback'
  | 'partial_chargeback';

export const banks = ['bca', 'bni', 'bri', 'cimb', 'permata'] as const;
export type Bank = (typeof banks)[number];

export const qrisAcquirers = ['gopay', 'airpay shopee'] as const;
export type QrisAcquirer = (typeof qrisAcquirers)[number];

/** How the payer is to pay, with the number or code that identifies the payment to the bank or wallet. */
export type PaymentMethod =
  | { readonly type: 'bank_transfer'; readonly bank: Bank; readonly vaNumber: string }
  | { readonly type: 'echannel'; readonly billerCode: string; readonly billKey: string }
  | { readonly type: 'qris'; readonly acquirer: QrisAcquirer; readonly qrString: string }
  | { readonly type: 'gopay'; readonly qrString: string; readonly callbackUrl: string | null };

/** A refund attempt. Only an approved one moved money; the others may be retried with the same key. */
export type Refund = {
  readonly refundChargebackId: number;
  readonly refundKey: string;
  readonly amount: number;
  readonly reason: string;
  readonly outcome: 'approved' | 'denied' | 'insufficient-balance';
  readonly firstAttemptAtMs: number;
  readonly createdAtMs: number;
  /** Set when the bank or wallet confirms; the second notification of a refund carries it. */
  readonly bankConfirmedAtMs: number | null;
};

/** What QRIS adds once somebody paid: whose app was used. */
export type Payer = { readonly issuer: string; readonly referenceId: string };

export type NotificationUrls = {
  readonly override: readonly string[];
  readonly append: readonly string[];
};

export type Transaction = {
  readonly transactionId: string;
  readonly orderId: string;
  readonly serverKey: string;
  readonly merchantId: string;
  readonly grossAmount: number;
  readonly method: PaymentMethod;
  readonly status: TransactionStatus;
  readonly transactionAtMs: number;
  readonly expiryAtMs: number;
  readonly settledAtMs: number | null;
  readonly payer: Payer | null;
  readonly refunds: readonly Refund[];
  readonly chargebackAmount: number;
  readonly notificationUrls: NotificationUrls;
  /** custom_field1..3 and metadata, given back in status answers and notifications. */
  readonly echo: JsonObject;
};

export const approvedRefunds = (transaction: Transaction): readonly Refund[] =>
  transaction.refunds.filter((refund) => refund.outcome === 'approved');

export const refundedAmount = (transaction: Transaction): number =>
  approvedRefunds(transaction).reduce((sum, refund) => sum + refund.amount, 0);

/** "on-us": wallet and acquirer are the same company, which decides how long a refund is possible. */
export const isOnUs = (transaction: Transaction): boolean =>
  transaction.method.type === 'qris' &&
  transaction.payer?.issuer === (transaction.method.acquirer === 'gopay' ? 'gopay' : 'shopeepay');
