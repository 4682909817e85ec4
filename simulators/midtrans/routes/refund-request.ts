import { isJsonObject } from '../domain/json.ts';

type RefundCall = { readonly refundKey: string | null; readonly amount: number | null; readonly reason: string };

export type RefundReading =
  | { readonly kind: 'accepted'; readonly request: RefundCall }
  | { readonly kind: 'invalid'; readonly messages: readonly string[] };

/** Everything is optional. Only the older direct route takes the amount as text too. */
export function readRefundRequest(body: unknown, route: 'refund' | 'direct'): RefundReading {
  const messages: string[] = [];
  const { refund_key: refundKey, amount: given, reason } = isJsonObject(body) ? body : {};
  const amount = route === 'direct' && typeof given === 'string' && /^\d+$/.test(given) ? Number(given) : given;
  if (refundKey !== undefined && !(typeof refundKey === 'string' && /^[A-Za-z0-9_-]+$/.test(refundKey))) {
    messages.push('refund_key may contain letters, digits, dash and underscore only');
  }
  if (amount !== undefined && !(typeof amount === 'number' && Number.isSafeInteger(amount))) {
    messages.push('amount must be an integer');
  }
  if (reason !== undefined && !(typeof reason === 'string' && reason.length <= 255)) {
    messages.push('reason is too long (maximum is 255 characters)');
  }
  if (messages.length > 0) return { kind: 'invalid', messages };
  const request: RefundCall = {
    refundKey: typeof refundKey === 'string' ? refundKey : null,
    amount: typeof amount === 'number' ? amount : null,
    reason: typeof reason === 'string' ? reason : '',
  };
  return { kind: 'accepted', request };
}
