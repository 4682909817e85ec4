import type { FastifyInstance } from 'fastify';
import { readChargeRequest } from '../domain/charge-request.ts';
import { isJsonObject } from '../domain/json.ts';
import type { Transaction } from '../domain/transaction.ts';
import { cancelBody, chargeBody, expireBody, refundBody, statusBody } from '../domain/transaction-body.ts';
import { IllegalTransition } from '../domain/transitions.ts';
import { type Answer, answer, errorAnswer, invalidAnswer } from '../envelope.ts';
import { isOrderIdTaken } from '../order-ids.ts';
import type { Simulator } from '../simulator.ts';
import { type MerchantCall, type MerchantHandler, merchantCall } from './merchant-call.ts';
import { readNotificationUrls } from './notification-headers.ts';
import { readRefundRequest } from './refund-request.ts';

/** The Core API under /v2, as far as this simulator's merchants have it. */
export function coreRoutes(app: FastifyInstance, simulator: Simulator): void {
  const { payments, transactions } = simulator;

  const ofTransaction =
    (handle: (transaction: Transaction, call: MerchantCall) => Answer): MerchantHandler =>
    (call) => {
      const transaction = transactions.ofMerchant(call.merchant.serverKey, call.id);
      if (transaction === undefined) return errorAnswer('404');
      try {
        return handle(transaction, call);
      } catch (error) {
        if (error instanceof IllegalTransition) return errorAnswer('412');
        throw error;
      }
    };

  const post = (path: string, handler: MerchantHandler): void => {
    app.post(path, merchantCall(simulator, handler));
  };
  const refund = (route: 'refund' | 'direct'): MerchantHandler =>
    ofTransaction((transaction, call) => refundTransaction(simulator, transaction, call, route));
  const refuseReview = ofTransaction(() => errorAnswer('412')); // only challenged or held card payments can be reviewed

  post('/v2/charge', (call) => charge(simulator, call));
  post('/v2/capture', (call) => {
    const id = isJsonObject(call.body) ? call.body['transaction_id'] : undefined;
    return refuseReview({ ...call, id: String(id) });
  });
  app.get(
    '/v2/:id/status',
    merchantCall(
      simulator,
      ofTransaction((transaction) => answer(statusBody(transaction))),
    ),
  );
  post(
    '/v2/:id/cancel',
    ofTransaction((transaction) => answer(cancelBody(payments.cancel(transaction).transaction))),
  );
  post(
    '/v2/:id/expire',
    ofTransaction((transaction) => answer(expireBody(payments.expire(transaction).transaction))),
  );
  post('/v2/:id/approve', refuseReview);
  post('/v2/:id/deny', refuseReview);
  post('/v2/:id/refund', refund('refund'));
  post('/v2/:id/refund/online/direct', refund('direct'));
}

function charge(simulator: Simulator, { merchant, body, headers, baseUrl }: MerchantCall): Answer {
  const reading = readChargeRequest(body, simulator.clock.nowMs());
  if (reading.kind === 'not-activated') return errorAnswer('402');
  if (reading.kind === 'invalid') return invalidAnswer(reading.messages);
  const { request } = reading;
  if (isOrderIdTaken(simulator, merchant.serverKey, request.orderId)) return errorAnswer('406');
  const { transaction } = simulator.payments.charge(merchant, request, readNotificationUrls(headers));
  return answer(chargeBody(transaction, baseUrl));
}

function refundTransaction(
  simulator: Simulator,
  transaction: Transaction,
  { body, faults }: MerchantCall,
  route: 'refund' | 'direct',
): Answer {
  const reading = readRefundRequest(body, route);
  if (reading.kind === 'invalid') return invalidAnswer(reading.messages);
  const refusal = faults.find((fault) => fault.kind === 'refund-denied' || fault.kind === 'insufficient-balance');
  const providerAnswer =
    refusal === undefined ? 'approved' : refusal.kind === 'refund-denied' ? 'denied' : refusal.kind;
  const decision = simulator.payments.refund(transaction, reading.request, providerAnswer);
  if (decision.kind === 'refused') {
    return errorAnswer(decision.statusCode, decision.statusCode === '406' ? 'Duplicate refund ID' : undefined);
  }
  if (decision.refund.outcome === 'insufficient-balance') {
    return errorAnswer('414', 'Refund request is rejected due to merchant insufficient funds.');
  }
  return answer(refundBody(decision.transaction, decision.refund, route));
}
