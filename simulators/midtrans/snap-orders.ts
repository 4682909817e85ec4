import { randomUUID } from 'node:crypto';
import type { JsonObject } from './domain/json.ts';
import type { SnapRequest } from './domain/snap-request.ts';
import type { NotificationUrls } from './domain/transaction.ts';

/** A hosted checkout. It has no transaction, hence no status, until the customer chooses a method. */
export type SnapOrder = {
  readonly token: string;
  readonly serverKey: string;
  readonly request: SnapRequest;
  readonly notificationUrls: NotificationUrls;
  readonly createdAtMs: number;
  readonly pageExpiresAtMs: number;
};

/** Names in `enabled_payments` and the charge each of them leads to. */
const chargeOf: ReadonlyMap<string, JsonObject> = new Map<string, JsonObject>([
  ['bca_va', { payment_type: 'bank_transfer', bank_transfer: { bank: 'bca' } }],
  ['bni_va', { payment_type: 'bank_transfer', bank_transfer: { bank: 'bni' } }],
  ['bri_va', { payment_type: 'bank_transfer', bank_transfer: { bank: 'bri' } }],
  ['cimb_va', { payment_type: 'bank_transfer', bank_transfer: { bank: 'cimb' } }],
  ['permata_va', { payment_type: 'bank_transfer', bank_transfer: { bank: 'permata' } }],
  ['echannel', { payment_type: 'echannel', echannel: { bill_info1: 'Payment:', bill_info2: 'Online purchase' } }],
  ['other_qris', { payment_type: 'qris', qris: { acquirer: 'gopay' } }],
  ['gopay', { payment_type: 'gopay' }],
]);

const bankTransferNames = ['bca_va', 'bni_va', 'bri_va', 'cimb_va', 'permata_va'];

/** The methods this order's page offers, in the merchant's order; the alias `bank_transfer` means every bank. */
export function offeredMethods(order: SnapOrder): readonly string[] {
  const enabled = order.request.enabledPayments ?? [...chargeOf.keys()];
  const named = enabled.flatMap((name) => (name === 'bank_transfer' ? bankTransferNames : [name]));
  return [...new Set(named)].filter((name) => chargeOf.has(name));
}

/** The Core API charge that the choice of a method on the page amounts to. */
export function chargeBodyOf(order: SnapOrder, methodName: string, nowMs: number): JsonObject {
  const { orderId, grossAmount, itemDetails, paymentExpiry, echo } = order.request;
  const endsAtMs = paymentExpiry && (paymentExpiry.startAtMs ?? order.createdAtMs) + paymentExpiry.durationMs;
  const seconds = endsAtMs === null ? null : Math.max(Math.ceil((endsAtMs - nowMs) / 1_000), 1);
  return {
    ...chargeOf.get(methodName),
    transaction_details: { order_id: orderId, gross_amount: grossAmount },
    ...(itemDetails === undefined ? {} : { item_details: itemDetails }),
    ...(seconds === null ? {} : { custom_expiry: { expiry_duration: seconds, unit: 'second' } }),
    ...echo,
  };
}

export class SnapOrders {
  readonly #byToken = new Map<string, SnapOrder>();
  readonly #byOrder = new Map<string, SnapOrder>();

  create(serverKey: string, request: SnapRequest, notificationUrls: NotificationUrls, nowMs: number): SnapOrder {
    const order: SnapOrder = {
      token: randomUUID(),
      serverKey,
      request,
      notificationUrls,
      createdAtMs: nowMs,
      pageExpiresAtMs: nowMs + request.pageDurationMs,
    };
    this.#put(order);
    return order;
  }

  byToken(token: string): SnapOrder | undefined {
    return this.#byToken.get(token);
  }

  /** The page that is open for this order, if any; its end causes no notification. */
  open(serverKey: string, orderId: string, nowMs: number): SnapOrder | undefined {
    const order = this.#byOrder.get(`${serverKey} ${orderId}`);
    return order !== undefined && order.pageExpiresAtMs > nowMs ? order : undefined;
  }

  all(): readonly SnapOrder[] {
    return [...this.#byToken.values()];
  }

  restore(orders: readonly SnapOrder[]): void {
    for (const order of orders) this.#put(order);
  }

  clear(): void {
    this.#byToken.clear();
    this.#byOrder.clear();
  }

  #put(order: SnapOrder): void {
    this.#byToken.set(order.token, order);
    this.#byOrder.set(`${order.serverKey} ${order.request.orderId}`, order);
  }
}
