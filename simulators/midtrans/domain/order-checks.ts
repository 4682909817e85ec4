import { isJsonObject, type JsonObject } from './json.ts';

export type OrderDetails = { readonly orderId: string; readonly grossAmount: number };

const isText = (value: unknown, maxLength: number): boolean => typeof value === 'string' && value.length <= maxLength;
const isInteger = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value);

/** `transaction_details`: which order and how much, in whole rupiah. */
export function readOrderDetails(body: JsonObject, messages: string[]): OrderDetails | undefined {
  const details = body['transaction_details'];
  if (!isJsonObject(details)) {
    messages.push('transaction_details is required');
    return undefined;
  }
  const { order_id: orderId, gross_amount: grossAmount, currency } = details;
  const before = messages.length;
  if (typeof orderId !== 'string' || orderId === '') messages.push('transaction_details.order_id is required');
  else if (orderId.length > 50) messages.push('transaction_details.order_id is too long (maximum is 50 characters)');
  else if (!/^[A-Za-z0-9\-_~.]+$/.test(orderId)) {
    messages.push('transaction_details.order_id contains symbols that are not allowed');
  }
  if (grossAmount === undefined) messages.push('transaction_details.gross_amount is required');
  else if (!isInteger(grossAmount)) messages.push('transaction_details.gross_amount must be an integer');
  else if (grossAmount < 1) messages.push('transaction_details.gross_amount must be greater than 0');
  if (currency !== undefined && currency !== 'IDR') messages.push('transaction_details.currency must be IDR');
  if (messages.length > before || typeof orderId !== 'string' || !isInteger(grossAmount)) return undefined;
  return { orderId, grossAmount };
}

/** Answers the sum of the items, or undefined when there are none (or none that can be added). */
export function checkItems(items: unknown, messages: string[]): number | undefined {
  if (items === undefined) return undefined;
  if (!Array.isArray(items)) {
    messages.push('item_details must be an array');
    return undefined;
  }
  let sum = 0;
  const before = messages.length;
  for (const item of items as readonly unknown[]) {
    if (!isJsonObject(item)) {
      messages.push('item_details must contain objects');
      continue;
    }
    const { price, quantity, name } = item;
    if (!isInteger(price)) messages.push('item_details.price must be an integer');
    if (!isInteger(quantity) || quantity < 1) messages.push('item_details.quantity must be a positive integer');
    if (typeof name !== 'string' || name === '') messages.push('item_details.name is required');
    for (const field of ['id', 'name', 'brand', 'category', 'merchant_name', 'url']) {
      if (item[field] !== undefined && !isText(item[field], 50)) {
        messages.push(`item_details.${field} is too long (maximum is 50 characters)`);
      }
    }
    if (isInteger(price) && isInteger(quantity)) sum += price * quantity;
  }
  return messages.length === before ? sum : undefined;
}

export function checkCustomer(customer: unknown, bank: string | undefined, messages: string[]): void {
  if (customer === undefined) return;
  if (!isJsonObject(customer)) {
    messages.push('customer_details must be an object');
    return;
  }
  for (const field of ['first_name', 'last_name', 'email', 'phone']) {
    if (customer[field] !== undefined && !isText(customer[field], 255)) {
      messages.push(`customer_details.${field} is too long (maximum is 255 characters)`);
    }
  }
  if (bank === 'bca') {
    for (const field of ['first_name', 'last_name']) {
      if (customer[field] !== undefined && !isText(customer[field], 30)) {
        messages.push(`customer_details.${field} is too long for BCA (maximum is 30 characters)`);
      }
    }
  }
  const phone = customer['phone'];
  if (bank === 'bni' && phone !== undefined && !(isText(phone, 30) && /^(\+62|0)/.test(String(phone)))) {
    messages.push('customer_details.phone for BNI must start with +62 or 0 and have at most 30 characters');
  }
}

/** custom_field1..3 and metadata, which status answers and notifications give back. */
export function readEcho(body: JsonObject, messages: string[]): JsonObject {
  const echo: { [name: string]: unknown } = {};
  for (const field of ['custom_field1', 'custom_field2', 'custom_field3']) {
    const value = body[field];
    if (value === undefined) continue;
    if (isText(value, 255)) echo[field] = value;
    else messages.push(`${field} is too long (maximum is 255 characters)`);
  }
  const metadata = body['metadata'];
  if (isJsonObject(metadata)) echo['metadata'] = metadata;
  else if (metadata !== undefined) messages.push('metadata must be an object');
  return echo;
}
