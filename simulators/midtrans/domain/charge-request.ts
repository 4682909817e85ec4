import { amountLimits } from './amount-limits.ts';
import { type CustomExpiry, checkExpiryBounds, parseCustomExpiry } from './custom-expiry.ts';
import { isJsonObject, type JsonObject } from './json.ts';
import { checkCustomer, checkItems, type OrderDetails, readEcho, readOrderDetails } from './order-checks.ts';
import { type RequestedMethod, readRequestedMethod } from './requested-method.ts';

export type ChargeRequest = OrderDetails & {
  readonly method: RequestedMethod;
  readonly customExpiry: CustomExpiry | undefined;
  readonly echo: JsonObject;
};

export type ChargeReading =
  | { readonly kind: 'accepted'; readonly request: ChargeRequest }
  | { readonly kind: 'invalid'; readonly messages: readonly string[] }
  | { readonly kind: 'not-activated' };

/** Collects everything that is wrong with a charge, as `validation_messages` does. */
export function readChargeRequest(body: unknown, nowMs: number): ChargeReading {
  if (!isJsonObject(body)) return { kind: 'invalid', messages: ['payment_type is required'] };
  const messages: string[] = [];
  const method = readRequestedMethod(body, messages);
  if (method === 'not-activated') return { kind: 'not-activated' };

  const order = readOrderDetails(body, messages);
  const itemSum = checkItems(body['item_details'], messages);
  if (order !== undefined && itemSum !== undefined && itemSum !== order.grossAmount) {
    messages.push('transaction_details.gross_amount must be equal to token request gross_amount');
  }
  const bank = method !== 'invalid' && method.type === 'bank_transfer' ? method.bank : undefined;
  checkCustomer(body['customer_details'], bank, messages);
  const customExpiry = parseCustomExpiry(body['custom_expiry'], messages);
  const echo = readEcho(body, messages);
  if (method !== 'invalid') {
    checkExpiryBounds(method, customExpiry, nowMs, messages);
    if (order !== undefined) checkAmount(method, order.grossAmount, messages);
  }

  if (messages.length > 0 || method === 'invalid' || order === undefined) return { kind: 'invalid', messages };
  return { kind: 'accepted', request: { ...order, method, customExpiry, echo } };
}

function checkAmount(method: RequestedMethod, grossAmount: number, messages: string[]): void {
  const { min, max } = amountLimits(method);
  if (grossAmount < min) messages.push(`transaction_details.gross_amount must be at least ${min}`);
  if (grossAmount > max) messages.push(`transaction_details.gross_amount must be at most ${max}`);
}
