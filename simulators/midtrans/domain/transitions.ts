import type { Payer, Transaction, TransactionStatus } from './transaction.ts';

/** Midtrans' transaction status cycle. A settlement is not final: it may be reversed (deny), refunded or charged back. */
const nextStatuses: { readonly [from in TransactionStatus]: readonly TransactionStatus[] } = {
  pending: ['settlement', 'capture', 'authorize', 'deny', 'cancel', 'expire', 'failure'],
  authorize: ['capture', 'cancel', 'deny', 'expire'],
  capture: ['settlement', 'cancel', 'deny'],
  settlement: ['refund', 'partial_refund', 'chargeback', 'partial_chargeback', 'deny'],
  partial_refund: ['partial_refund', 'refund'],
  partial_chargeback: ['partial_chargeback', 'chargeback'],
  deny: [],
  cancel: [],
  expire: [],
  failure: [],
  refund: [],
  chargeback: [],
};

export class IllegalTransition extends Error {
  readonly from: TransactionStatus;
  readonly to: TransactionStatus;
  constructor(
    from: TransactionStatus,
    to: TransactionStatus,
    detail = `A transaction in ${from} cannot become ${to}.`,
  ) {
    super(detail);
    this.from = from;
    this.to = to;
  }
}

const canBecome = (from: TransactionStatus, to: TransactionStatus): boolean => nextStatuses[from].includes(to);

function move(transaction: Transaction, to: TransactionStatus): Transaction {
  if (!canBecome(transaction.status, to)) throw new IllegalTransition(transaction.status, to);
  return { ...transaction, status: to };
}

export const settle = (transaction: Transaction, nowMs: number, payer: Payer | null): Transaction => ({
  ...move(transaction, 'settlement'),
  settledAtMs: nowMs,
  payer,
});

/** The provider refuses before any money arrived; a settlement is undone by `reverse` only. */
export function deny(transaction: Transaction): Transaction {
  if (transaction.status === 'settlement') throw new IllegalTransition('settlement', 'deny');
  return move(transaction, 'deny');
}

export const cancel = (transaction: Transaction): Transaction => move(transaction, 'cancel');

export const expire = (transaction: Transaction): Transaction => move(transaction, 'expire');

/** Midtrans reverses settlements of Permata VA and Mandiri Bill (and Indomaret) within minutes. */
const isReversible = (transaction: Transaction): boolean =>
  transaction.method.type === 'echannel' ||
  (transaction.method.type === 'bank_transfer' && transaction.method.bank === 'permata');

export function reverse(transaction: Transaction, options: { readonly force: boolean }): Transaction {
  if (transaction.status !== 'settlement') throw new IllegalTransition(transaction.status, 'deny');
  if (!isReversible(transaction) && !options.force) {
    throw new IllegalTransition('settlement', 'deny', 'Midtrans reverses only Permata VA and Mandiri Bill payments.');
  }
  return { ...move(transaction, 'deny'), settledAtMs: null };
}

/** Part or all of what has not been charged back yet. */
export function chargeBack(transaction: Transaction, amount: number): Transaction {
  const chargebackAmount = transaction.chargebackAmount + amount;
  const to = chargebackAmount === transaction.grossAmount ? 'chargeback' : 'partial_chargeback';
  if (amount <= 0 || chargebackAmount > transaction.grossAmount) {
    throw new IllegalTransition(transaction.status, to, 'A chargeback takes back between 1 rupiah and what was paid.');
  }
  return { ...move(transaction, to), chargebackAmount };
}

/** While one of these holds an order id, a new charge with it is a duplicate; all others free it. */
export const holdsOrderId = (status: TransactionStatus): boolean =>
  !['deny', 'cancel', 'expire', 'failure'].includes(status);
