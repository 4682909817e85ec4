import type { JsonObject } from '../domain/json.ts';
import type { Transaction } from '../domain/transaction.ts';
import { statusBody } from '../domain/transaction-body.ts';
import type { Merchant } from '../merchants.ts';
import { type Delivery, retriesDone } from '../webhooks/delivery.ts';

const instant = (atMs: number): string => Temporal.Instant.fromEpochMilliseconds(Math.trunc(atMs)).toString();
const optionalInstant = (atMs: number | null): string | null => (atMs === null ? null : instant(atMs));

/** What Midtrans would say about it, and whose it is. */
export const transactionView = (transaction: Transaction): JsonObject => ({
  ...statusBody(transaction),
  server_key: transaction.serverKey,
});

export const deliveryView = (delivery: Delivery): JsonObject => ({
  id: delivery.id,
  orderId: delivery.orderId,
  transactionId: delivery.transactionId,
  transactionStatus: delivery.transactionStatus,
  statusCode: delivery.statusCode,
  url: delivery.url,
  state: delivery.state,
  faults: delivery.faults,
  createdAt: instant(delivery.createdAtMs),
  nextAttemptAt: optionalInstant(delivery.nextAttemptAtMs),
  retriesDone: retriesDone(delivery),
  attempts: delivery.attempts.map(({ startedAtMs, ...attempt }) => ({ startedAt: instant(startedAtMs), ...attempt })),
  body: JSON.parse(delivery.body) as unknown,
});

export const merchantView = (merchant: Merchant): JsonObject => ({
  serverKey: merchant.serverKey,
  merchantId: merchant.merchantId,
  notificationUrl: merchant.notificationUrl,
  revoked: merchant.isRevoked,
});
