import { isJsonObject } from './json.ts';
import { parseRequestTime } from './provider-time.ts';
import type { RequestedMethod } from './requested-method.ts';

export type CustomExpiry = { readonly startAtMs: number | null; readonly durationMs: number };

const minuteMs = 60_000;
const dayMs = 86_400_000;
const unitMs = new Map([
  ['second', 1_000],
  ['minute', minuteMs],
  ['hour', 60 * minuteMs],
  ['day', dayMs],
]);

function defaultExpiryMs(method: RequestedMethod): number {
  return method.type === 'gopay' || method.type === 'qris' ? 15 * minuteMs : dayMs;
}

/** GoPay and dynamic QRIS: 20 seconds to 7 days; Shopee's QRIS at most 5 days. No bounds are published for bank transfers. */
function expiryBounds(method: RequestedMethod): { readonly minMs: number; readonly maxMs: number } {
  if (method.type === 'gopay') return { minMs: 20_000, maxMs: 7 * dayMs };
  if (method.type === 'qris') return { minMs: 20_000, maxMs: (method.acquirer === 'gopay' ? 7 : 5) * dayMs };
  return { minMs: 1_000, maxMs: Number.MAX_SAFE_INTEGER };
}

/** Adds to `messages` what is wrong and answers undefined when there is nothing usable. */
export function parseCustomExpiry(value: unknown, messages: string[]): CustomExpiry | undefined {
  if (value === undefined) return undefined;
  if (!isJsonObject(value)) {
    messages.push('custom_expiry must be an object');
    return undefined;
  }
  const duration = value['expiry_duration'];
  const unit = value['unit'] ?? 'minute';
  const orderTime = value['order_time'];
  const durationUnitMs = typeof unit === 'string' ? unitMs.get(unit) : undefined;
  const startAtMs = typeof orderTime === 'string' ? parseRequestTime(orderTime) : null;
  if (typeof duration !== 'number' || !Number.isSafeInteger(duration) || duration < 1) {
    messages.push('custom_expiry.expiry_duration must be a positive integer');
    return undefined;
  }
  if (durationUnitMs === undefined) {
    messages.push('custom_expiry.unit must be one of second, minute, hour, day');
    return undefined;
  }
  if (startAtMs === undefined || (orderTime !== undefined && typeof orderTime !== 'string')) {
    messages.push('custom_expiry.order_time must have the format yyyy-MM-dd hh:mm:ss Z');
    return undefined;
  }
  return { startAtMs, durationMs: duration * durationUnitMs };
}

export function expiryOf(method: RequestedMethod, custom: CustomExpiry | undefined, nowMs: number): number {
  if (custom === undefined) return nowMs + defaultExpiryMs(method);
  return (custom.startAtMs ?? nowMs) + custom.durationMs;
}

export function checkExpiryBounds(
  method: RequestedMethod,
  custom: CustomExpiry | undefined,
  nowMs: number,
  messages: string[],
): void {
  if (custom === undefined) return;
  const { minMs, maxMs } = expiryBounds(method);
  if (custom.durationMs < minMs || custom.durationMs > maxMs) {
    messages.push('custom_expiry.expiry_duration is out of the range of this payment type');
  } else if (expiryOf(method, custom, nowMs) <= nowMs) {
    messages.push('custom_expiry must end in the future');
  }
}
