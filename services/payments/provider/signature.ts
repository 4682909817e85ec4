import { createHash, timingSafeEqual } from 'node:crypto';

/** What the signature covers. Not the transaction's status: that is asked for, never read from a notification. */
export type SignedNotification = {
  readonly order_id: string;
  readonly status_code: string;
  readonly gross_amount: string;
  readonly signature_key: string;
};

/** Midtrans: SHA-512 of order_id + status_code + gross_amount + server key, lower-case hex. Compared in constant time. */
export function isGenuine(notification: SignedNotification, serverKey: string): boolean {
  const { order_id, status_code, gross_amount, signature_key } = notification;
  const expected = createHash('sha512').update(`${order_id}${status_code}${gross_amount}${serverKey}`).digest('hex');
  const given = Buffer.from(signature_key);
  return given.length === expected.length && timingSafeEqual(given, Buffer.from(expected));
}
