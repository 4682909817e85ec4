import { randomUUID } from 'node:crypto';
import type { SimulatorClock } from '../shared/clock.ts';
import type { ChargeRequest } from './domain/charge-request.ts';
import { expiryOf } from './domain/custom-expiry.ts';
import { assignPaymentCode } from './domain/payment-code.ts';
import { confirmRefund, decideRefund, type RefundDecision, type RefundRequest } from './domain/refunds.ts';
import {
  approvedRefunds,
  type NotificationUrls,
  type Payer,
  type Refund,
  type Transaction,
} from './domain/transaction.ts';
import { cancel, chargeBack, deny, expire, reverse, settle } from './domain/transitions.ts';
import type { Merchant } from './merchants.ts';
import type { Settings } from './settings.ts';
import type { Transactions } from './transactions.ts';
import type { Delivery } from './webhooks/delivery.ts';
import type { Notifier } from './webhooks/notifier.ts';

export type PaymentsDeps = {
  readonly clock: SimulatorClock;
  readonly transactions: Transactions;
  readonly notifier: Notifier;
  readonly settings: Settings;
  readonly changed: () => void;
};

export type Change = { readonly transaction: Transaction; readonly notified: Promise<readonly Delivery[]> };

/** Moves transactions on, tells their merchants, and does what the passing of time requires. */
export class Payments {
  readonly #deps: PaymentsDeps;

  constructor(deps: PaymentsDeps) {
    this.#deps = deps;
  }

  charge(merchant: Merchant, request: ChargeRequest, notificationUrls: NotificationUrls): Change {
    const { clock, transactions } = this.#deps;
    const nowMs = clock.nowMs();
    const { serverKey, merchantId } = merchant;
    const transactionId = randomUUID();
    const isCodeInUse = (code: string): boolean => transactions.isPaymentCodeInUse(code);
    const { orderId, grossAmount } = request;
    const payment = { serverKey, merchantId, transactionId, grossAmount };
    const transaction: Transaction = {
      transactionId,
      orderId,
      serverKey,
      merchantId,
      grossAmount,
      method: assignPaymentCode(request.method, payment, isCodeInUse),
      status: 'pending',
      transactionAtMs: nowMs,
      expiryAtMs: expiryOf(request.method, request.customExpiry, nowMs),
      settledAtMs: null,
      payer: null,
      refunds: [],
      chargebackAmount: 0,
      notificationUrls,
      echo: request.echo,
    };
    const change = this.#save(transaction);
    this.#scheduleExpiry(transaction);
    return change;
  }

  /** Somebody pays. `issuer` is whose app scans a QRIS code; by default the acquirer's own. */
  pay(transaction: Transaction, issuer?: string): Change {
    return this.#save(settle(transaction, this.#deps.clock.nowMs(), payerOf(transaction, issuer)));
  }

  deny(transaction: Transaction): Change {
    return this.#save(deny(transaction));
  }

  cancel(transaction: Transaction): Change {
    return this.#save(cancel(transaction));
  }

  expire(transaction: Transaction): Change {
    return this.#save(expire(transaction));
  }

  reverse(transaction: Transaction, options: { readonly force: boolean }): Change {
    return this.#save(reverse(transaction, options));
  }

  chargeBack(transaction: Transaction, amount?: number): Change {
    return this.#save(chargeBack(transaction, amount ?? transaction.grossAmount - transaction.chargebackAmount));
  }

  /** Notifies only when money moved: once now, and again when the bank confirms. */
  refund(
    transaction: Transaction,
    request: Omit<RefundRequest, 'refundKey'> & { readonly refundKey: string | null },
    providerAnswer: Refund['outcome'],
  ): RefundDecision {
    const { clock, transactions, changed } = this.#deps;
    const refundKey = request.refundKey ?? randomUUID();
    const decision = decideRefund(
      transaction,
      { ...request, refundKey },
      {
        nowMs: clock.nowMs(),
        nextRefundChargebackId: transactions.nextRefundChargebackId(),
        isKeyTaken: transactions.isRefundKeyOfAnother(transaction, refundKey),
        providerAnswer,
      },
    );
    if (decision.kind === 'refused') return decision;
    if (decision.refund.outcome === 'approved') {
      this.#save(decision.transaction);
      this.#scheduleConfirmation(transaction.transactionId, decision.refund);
    } else {
      transactions.put(decision.transaction);
      changed();
    }
    return decision;
  }

  /** Takes up the expiries and refund confirmations of a stopped simulator. */
  resume(saved: readonly Transaction[]): void {
    for (const transaction of saved) {
      this.#deps.transactions.put(transaction);
      if (transaction.status === 'pending') this.#scheduleExpiry(transaction);
      for (const refund of approvedRefunds(transaction)) {
        if (refund.bankConfirmedAtMs === null) this.#scheduleConfirmation(transaction.transactionId, refund);
      }
    }
  }

  #save(transaction: Transaction): Change {
    this.#deps.transactions.put(transaction);
    this.#deps.changed();
    return { transaction, notified: this.#deps.notifier.notify(transaction) };
  }

  #scheduleExpiry({ transactionId, expiryAtMs }: Transaction): void {
    const { clock, settings, transactions } = this.#deps;
    clock.schedule(expiryAtMs + settings.expiryDelaySeconds * 1_000, () => {
      const transaction = transactions.byId(transactionId);
      if (transaction?.status === 'pending') this.expire(transaction);
    });
  }

  #scheduleConfirmation(transactionId: string, refund: Refund): void {
    const { clock, settings, transactions } = this.#deps;
    clock.schedule(refund.createdAtMs + settings.refundConfirmationSeconds * 1_000, () => {
      const transaction = transactions.byId(transactionId);
      if (transaction === undefined) return;
      const confirmed = confirmRefund(transaction, refund.refundChargebackId, clock.nowMs());
      if (confirmed !== transaction) this.#save(confirmed);
    });
  }
}

function payerOf({ method }: Transaction, issuer: string | undefined): Payer | null {
  if (method.type !== 'qris') return null;
  return { issuer: issuer ?? (method.acquirer === 'gopay' ? 'gopay' : 'shopeepay'), referenceId: randomUUID() };
}
