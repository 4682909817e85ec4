import type { Simulator } from './simulator.ts';

type OrderIds = Pick<Simulator, 'transactions' | 'snapOrders' | 'clock'>;

/** A hosted checkout whose customer has not chosen a method yet. */
export function hasUnusedSnapPage(
  { transactions, snapOrders, clock }: OrderIds,
  serverKey: string,
  orderId: string,
): boolean {
  const page = snapOrders.open(serverKey, orderId, clock.nowMs());
  if (page === undefined) return false;
  const latest = transactions.latestOfOrder(serverKey, orderId);
  return latest === undefined || latest.transactionAtMs < page.createdAtMs;
}

/** Unique per merchant while active or paid, on both APIs together. */
export const isOrderIdTaken = (ids: OrderIds, serverKey: string, orderId: string): boolean =>
  ids.transactions.isOrderIdHeld(serverKey, orderId) || hasUnusedSnapPage(ids, serverKey, orderId);
