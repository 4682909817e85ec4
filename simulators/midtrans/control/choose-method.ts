import { ControlProblem } from '../../shared/problem.ts';
import { readChargeRequest } from '../domain/charge-request.ts';
import type { Change } from '../payments.ts';
import type { Simulator } from '../simulator.ts';
import { chargeBodyOf, offeredMethods, type SnapOrder } from '../snap-orders.ts';

/** The customer picks a method on the hosted page; from then on the order has a transaction and a status. */
export function chooseMethod(simulator: Simulator, order: SnapOrder, wanted?: string): Change {
  const { clock, merchants, payments, transactions } = simulator;
  const { orderId } = order.request;
  const nowMs = clock.nowMs();
  if (order.pageExpiresAtMs <= nowMs)
    throw new ControlProblem(409, 'page-expired', `The page of ${orderId} has expired.`);
  if (transactions.isOrderIdHeld(order.serverKey, orderId)) {
    throw new ControlProblem(409, 'method-already-chosen', `A method has been chosen for ${orderId} already.`);
  }
  const offered = offeredMethods(order);
  const method = wanted ?? offered[0];
  if (method === undefined || !offered.includes(method)) {
    const detail = `The page of ${orderId} offers ${offered.join(', ') || 'nothing this simulator can charge'}.`;
    throw new ControlProblem(409, 'method-not-offered', detail);
  }
  const reading = readChargeRequest(chargeBodyOf(order, method, nowMs), nowMs);
  if (reading.kind !== 'accepted') {
    const reason = reading.kind === 'invalid' ? reading.messages.join('; ') : 'the method is not activated';
    throw new ControlProblem(409, 'charge-refused', `${method} cannot be used for ${orderId}: ${reason}.`);
  }
  const merchant = merchants.get(order.serverKey) ?? merchants.set(order.serverKey, {});
  return payments.charge(merchant, reading.request, order.notificationUrls);
}
