import { createHash } from 'node:crypto';

export type SignedFields = {
  readonly orderId: string;
  readonly statusCode: string;
  /** As it stands in the body, with two decimals. */
  readonly grossAmount: string;
};

/** Midtrans: SHA-512 of order_id + status_code + gross_amount + server key, plain concatenation, lower-case hex. */
export const signNotification = (fields: SignedFields, serverKey: string): string =>
  createHash('sha512').update(`${fields.orderId}${fields.statusCode}${fields.grossAmount}${serverKey}`).digest('hex');
