import { isJsonObject, type JsonObject } from './json.ts';
import { checkCustomer, checkItems, type OrderDetails, readEcho, readOrderDetails } from './order-checks.ts';
import { parseRequestTime } from './provider-time.ts';

export type SnapRequest = OrderDetails & {
  readonly enabledPayments: readonly string[] | null;
  readonly itemDetails: unknown;
  readonly echo: JsonObject;
  readonly pageDurationMs: number;
  /** When the chosen payment ends; null: the method's own default. */
  readonly paymentExpiry: { readonly startAtMs: number | null; readonly durationMs: number } | null;
};

export type SnapReading =
  | { readonly kind: 'accepted'; readonly request: SnapRequest }
  | { readonly kind: 'invalid'; readonly messages: readonly string[] };

const minuteMs = 60_000;
const dayMs = 86_400_000;
const weekMs = 7 * dayMs;
const unitMs = new Map([
  ['second', 1_000],
  ['minute', minuteMs],
  ['hour', 60 * minuteMs],
  ['day', dayMs],
]);

export function readSnapRequest(body: unknown): SnapReading {
  if (!isJsonObject(body)) return { kind: 'invalid', messages: ['transaction_details is required'] };
  const messages: string[] = [];
  const order = readOrderDetails(body, messages);
  const itemSum = checkItems(body['item_details'], messages);
  if (order !== undefined && itemSum !== undefined && itemSum !== order.grossAmount) {
    messages.push('transaction_details.gross_amount is not equal to the sum of item_details');
  }
  checkCustomer(body['customer_details'], undefined, messages);
  const echo = readEcho(body, messages);
  const enabled = body['enabled_payments'];
  const isList = Array.isArray(enabled) && enabled.every((name) => typeof name === 'string');
  if (enabled !== undefined && !isList) messages.push('enabled_payments must be a list of payment methods');
  const pageMs = readDurationMs(body['page_expiry'], 'page_expiry', messages);
  if (pageMs !== null && (pageMs < 5 * minuteMs || pageMs > weekMs)) {
    messages.push('page_expiry.duration must be between 5 minutes and 7 days');
  }
  const paymentExpiry = readPaymentExpiry(body['expiry'], messages);
  if (messages.length > 0 || order === undefined) return { kind: 'invalid', messages };
  const request: SnapRequest = {
    ...order,
    enabledPayments: isList ? (enabled as readonly string[]) : null,
    itemDetails: body['item_details'],
    echo,
    pageDurationMs: pageMs ?? paymentExpiry?.durationMs ?? dayMs,
    paymentExpiry,
  };
  return { kind: 'accepted', request };
}

/** `{ duration, unit }` with units in singular or plural. */
function readDurationMs(value: unknown, name: string, messages: string[]): number | null {
  if (value === undefined) return null;
  const { duration, unit } = isJsonObject(value) ? value : {};
  const oneMs = typeof unit === 'string' ? unitMs.get(unit.replace(/s$/, '')) : undefined;
  if (oneMs === undefined || typeof duration !== 'number' || !Number.isSafeInteger(duration) || duration < 1) {
    messages.push(`${name} must have a positive duration and a unit`);
    return null;
  }
  return duration * oneMs;
}

/** At least 20 seconds, cut off at 7 days. */
function readPaymentExpiry(value: unknown, messages: string[]): SnapRequest['paymentExpiry'] {
  const durationMs = readDurationMs(value, 'expiry', messages);
  if (durationMs === null) return null;
  if (durationMs < 20_000) messages.push('expiry.duration must be at least 20 seconds');
  const startTime = isJsonObject(value) ? value['start_time'] : undefined;
  const startAtMs = typeof startTime === 'string' ? parseRequestTime(startTime) : null;
  if (startAtMs === undefined) messages.push('expiry.start_time must have the format yyyy-MM-dd hh:mm:ss Z');
  return { startAtMs: startAtMs ?? null, durationMs: Math.min(durationMs, weekMs) };
}
