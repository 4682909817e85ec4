import { ControlProblem } from '../../shared/problem.ts';
import type { Transaction } from '../domain/transaction.ts';
import { hasUnusedSnapPage } from '../order-ids.ts';
import type { Simulator } from '../simulator.ts';
import type { SnapOrder } from '../snap-orders.ts';

/** Any one of the first four names a transaction; `serverKey` tells merchants with the same order id apart. */
export type TransactionReference = {
  readonly vaNumber?: string;
  readonly qrString?: string;
  readonly transactionId?: string;
  readonly orderId?: string;
  readonly serverKey?: string;
};

export const referenceProperties = {
  vaNumber: { type: 'string', description: 'also a Mandiri bill key' },
  qrString: { type: 'string' },
  transactionId: { type: 'string' },
  orderId: { type: 'string' },
  serverKey: { type: 'string' },
} as const;

function onlyOne<Found>(found: readonly Found[], what: string): Found {
  const [first] = found;
  if (first === undefined) throw new ControlProblem(404, 'not-found', `There is no ${what}.`);
  if (found.length > 1) {
    throw new ControlProblem(409, 'ambiguous', `Several merchants have ${what}; name one with serverKey.`);
  }
  return first;
}

const isPresent = <Value>(value: Value | undefined): value is Value => value !== undefined;

function serverKeysOf(simulator: Simulator, { serverKey }: TransactionReference): readonly string[] {
  return serverKey === undefined ? simulator.merchants.all().map((merchant) => merchant.serverKey) : [serverKey];
}

export function findTransaction(simulator: Simulator, reference: TransactionReference): Transaction {
  const { transactions } = simulator;
  const { vaNumber, qrString, transactionId, orderId } = reference;
  const code = vaNumber ?? qrString;
  if (transactionId !== undefined) {
    return onlyOne([transactions.byId(transactionId)].filter(isPresent), `transaction ${transactionId}`);
  }
  if (code !== undefined) {
    return onlyOne([transactions.byPaymentCode(code)].filter(isPresent), `transaction to be paid with ${code}`);
  }
  if (orderId === undefined) {
    const detail = 'Name the transaction by vaNumber, qrString, transactionId or orderId.';
    throw new ControlProblem(400, 'validation-failed', detail);
  }
  const ofOrder = serverKeysOf(simulator, reference).map((serverKey) => transactions.latestOfOrder(serverKey, orderId));
  return onlyOne(ofOrder.filter(isPresent), `transaction of order ${orderId}`);
}

/** The hosted page of an order whose customer has not chosen a method yet. */
export function findUnusedSnapPage(simulator: Simulator, reference: TransactionReference): SnapOrder | undefined {
  const { orderId } = reference;
  if (orderId === undefined) return undefined;
  const nowMs = simulator.clock.nowMs();
  const pages = serverKeysOf(simulator, reference)
    .filter((serverKey) => hasUnusedSnapPage(simulator, serverKey, orderId))
    .map((serverKey) => simulator.snapOrders.open(serverKey, orderId, nowMs))
    .filter(isPresent);
  return pages.length === 0 ? undefined : onlyOne(pages, `Snap page of order ${orderId}`);
}
