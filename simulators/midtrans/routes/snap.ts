import type { FastifyInstance } from 'fastify';
import { readSnapRequest } from '../domain/snap-request.ts';
import { type Answer, answer, snapErrorAnswer, toSnapAnswer } from '../envelope.ts';
import { hasUnusedSnapPage } from '../order-ids.ts';
import type { Simulator } from '../simulator.ts';
import { type MerchantCall, merchantCall } from './merchant-call.ts';
import { readNotificationUrls } from './notification-headers.ts';

/** Snap: a token and a hosted page; errors come with real HTTP statuses. */
export function snapRoutes(app: FastifyInstance, simulator: Simulator): void {
  const toAnswer = (given: Answer): Answer => (given.body['status_code'] === undefined ? given : toSnapAnswer(given));
  app.post(
    '/snap/v1/transactions',
    merchantCall(simulator, (call) => createPage(simulator, call), { toAnswer }),
  );
}

function createPage(simulator: Simulator, { merchant, body, headers, baseUrl }: MerchantCall): Answer {
  const { snapOrders, transactions, clock, changed } = simulator;
  const reading = readSnapRequest(body);
  if (reading.kind === 'invalid') return snapErrorAnswer(400, reading.messages);
  const { request } = reading;
  const latest = transactions.latestOfOrder(merchant.serverKey, request.orderId);
  if (
    latest !== undefined &&
    transactions.isOrderIdHeld(merchant.serverKey, request.orderId) &&
    latest.status !== 'pending'
  ) {
    return snapErrorAnswer(400, [
      'transaction_details.order_id has been paid and utilized, please use another order ID',
    ]);
  }
  if (latest?.status === 'pending' || hasUnusedSnapPage(simulator, merchant.serverKey, request.orderId)) {
    return snapErrorAnswer(400, ['transaction_details.order_id has already been taken']);
  }
  const { token } = snapOrders.create(merchant.serverKey, request, readNotificationUrls(headers), clock.nowMs());
  changed();
  return answer({ token, redirect_url: `${baseUrl}/snap/v3/redirection/${token}` }, 201);
}
