import { paymentCodeOf } from './domain/payment-code.ts';
import type { Transaction } from './domain/transaction.ts';
import { holdsOrderId } from './domain/transitions.ts';

const orderKey = (serverKey: string, orderId: string): string => `${serverKey} ${orderId}`;

/** All transactions, found by id, by a merchant's order id, or by what the payer types or scans. */
export class Transactions {
  readonly #byId = new Map<string, Transaction>();
  readonly #idsByOrder = new Map<string, string[]>();
  readonly #idByPaymentCode = new Map<string, string>();
  readonly #transactionIdByRefundKey = new Map<string, string>();
  #lastRefundChargebackId = 0;

  put(transaction: Transaction): void {
    const { transactionId, serverKey, orderId } = transaction;
    if (!this.#byId.has(transactionId)) {
      const key = orderKey(serverKey, orderId);
      const ids = this.#idsByOrder.get(key);
      if (ids === undefined) this.#idsByOrder.set(key, [transactionId]);
      else ids.push(transactionId);
      this.#idByPaymentCode.set(paymentCodeOf(transaction.method), transactionId);
    }
    for (const refund of transaction.refunds) {
      this.#transactionIdByRefundKey.set(`${serverKey} ${refund.refundKey}`, transactionId);
      this.#lastRefundChargebackId = Math.max(this.#lastRefundChargebackId, refund.refundChargebackId);
    }
    this.#byId.set(transactionId, transaction);
  }

  byId(transactionId: string): Transaction | undefined {
    return this.#byId.get(transactionId);
  }

  /** A freed order id may be used again; the newest transaction answers for it. */
  latestOfOrder(serverKey: string, orderId: string): Transaction | undefined {
    const id = this.#idsByOrder.get(orderKey(serverKey, orderId))?.at(-1);
    return id === undefined ? undefined : this.#byId.get(id);
  }

  /** As a merchant names it: order id or transaction id, of its own account only. */
  ofMerchant(serverKey: string, id: string): Transaction | undefined {
    const byId = this.#byId.get(id);
    return byId?.serverKey === serverKey ? byId : this.latestOfOrder(serverKey, id);
  }

  byPaymentCode(code: string): Transaction | undefined {
    const id = this.#idByPaymentCode.get(code);
    return id === undefined ? undefined : this.#byId.get(id);
  }

  isOrderIdHeld(serverKey: string, orderId: string): boolean {
    const latest = this.latestOfOrder(serverKey, orderId);
    return latest !== undefined && holdsOrderId(latest.status);
  }

  isPaymentCodeInUse(code: string): boolean {
    return this.byPaymentCode(code)?.status === 'pending';
  }

  /** Refund keys are the merchant's identifiers of refunds, so they are unique per merchant. */
  isRefundKeyOfAnother(transaction: Transaction, refundKey: string): boolean {
    const id = this.#transactionIdByRefundKey.get(`${transaction.serverKey} ${refundKey}`);
    return id !== undefined && id !== transaction.transactionId;
  }

  nextRefundChargebackId(): number {
    return this.#lastRefundChargebackId + 1;
  }

  all(): readonly Transaction[] {
    return [...this.#byId.values()];
  }

  clear(): void {
    for (const index of [this.#byId, this.#idsByOrder, this.#idByPaymentCode, this.#transactionIdByRefundKey]) {
      index.clear();
    }
    this.#lastRefundChargebackId = 0;
  }
}
