import { approvedRefunds, isOnUs, type Refund, refundedAmount, type Transaction } from './transaction.ts';

export type RefundRequest = {
  readonly refundKey: string;
  /** Null: everything that is left. */
  readonly amount: number | null;
  readonly reason: string;
};

export type RefundContext = {
  readonly nowMs: number;
  readonly nextRefundChargebackId: number;
  /** The key belongs to a refund of another transaction of the same merchant. */
  readonly isKeyTaken: boolean;
  readonly providerAnswer: Refund['outcome'];
};

export type RefundDecision =
  | { readonly kind: 'recorded'; readonly transaction: Transaction; readonly refund: Refund }
  | { readonly kind: 'refused'; readonly statusCode: '406' | '412' | '414' };

const dayMs = 86_400_000;
const retryWindowMs = 7 * dayMs;

/** How long after the payment the method can be refunded; null: never (bank transfers go back by hand). */
function refundWindowMs(transaction: Transaction): number | null {
  switch (transaction.method.type) {
    case 'bank_transfer':
    case 'echannel':
      return null;
    case 'gopay':
      return 45 * dayMs;
    case 'qris':
      if (transaction.method.acquirer === 'airpay shopee') return 365 * dayMs;
      return (isOnUs(transaction) ? 45 : 7) * dayMs;
  }
}

const refused = (statusCode: '406' | '412' | '414'): RefundDecision => ({ kind: 'refused', statusCode });

/**
 * The key is looked at first: repeating an approved refund must say "duplicate" even when nothing is left to refund,
 * or a merchant that lost the answer would believe it failed. A failed attempt may be repeated for seven days.
 */
export function decideRefund(transaction: Transaction, request: RefundRequest, context: RefundContext): RefundDecision {
  const earlier = transaction.refunds.find((refund) => refund.refundKey === request.refundKey);
  if (context.isKeyTaken || earlier?.outcome === 'approved') return refused('406');
  if (earlier !== undefined && context.nowMs - earlier.firstAttemptAtMs > retryWindowMs) return refused('406');

  const windowMs = refundWindowMs(transaction);
  const isRefundable = transaction.status === 'settlement' || transaction.status === 'partial_refund';
  if (windowMs === null || !isRefundable || transaction.settledAtMs === null) return refused('412');
  if (context.nowMs - transaction.settledAtMs > windowMs) return refused('412');

  const left = transaction.grossAmount - refundedAmount(transaction);
  const amount = request.amount ?? earlier?.amount ?? left;
  if (amount <= 0 || amount > left) return refused('414');
  if (earlier !== undefined && earlier.amount !== amount) return refused('414'); // the same key means the same refund

  const refund: Refund = {
    refundChargebackId: earlier?.refundChargebackId ?? context.nextRefundChargebackId,
    refundKey: request.refundKey,
    amount,
    reason: request.reason,
    outcome: context.providerAnswer,
    firstAttemptAtMs: earlier?.firstAttemptAtMs ?? context.nowMs,
    createdAtMs: context.nowMs,
    bankConfirmedAtMs: null,
  };
  const refunds = [...transaction.refunds.filter((other) => other !== earlier), refund];
  if (refund.outcome !== 'approved') return { kind: 'recorded', transaction: { ...transaction, refunds }, refund };
  const status = amount === left ? 'refund' : 'partial_refund';
  return { kind: 'recorded', transaction: { ...transaction, refunds, status }, refund };
}

/** The bank or wallet says the money has moved; answers the same transaction when there is nothing to confirm. */
export function confirmRefund(transaction: Transaction, refundChargebackId: number, nowMs: number): Transaction {
  const isAwaited = (refund: Refund): boolean =>
    refund.refundChargebackId === refundChargebackId && refund.bankConfirmedAtMs === null;
  if (!approvedRefunds(transaction).some(isAwaited)) return transaction;
  const refunds = transaction.refunds.map((refund) =>
    isAwaited(refund) ? { ...refund, bankConfirmedAtMs: nowMs } : refund,
  );
  return { ...transaction, refunds };
}
