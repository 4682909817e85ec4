import { createHash, randomInt } from 'node:crypto';
import { qrisPayload } from './qris-payload.ts';
import type { RequestedMethod } from './requested-method.ts';
import type { Bank, PaymentMethod } from './transaction.ts';

/** Decimal digits that always belong to this merchant: its id and its bank prefixes look stable across restarts. */
export const digitsOf = (seed: string, count: number): string =>
  (BigInt(`0x${createHash('sha256').update(seed).digest('hex')}`) % 10n ** BigInt(count))
    .toString()
    .padStart(count, '0');

const randomDigits = (count: number): string => Array.from({ length: count }, () => String(randomInt(10))).join('');

/** Bank prefix, digits of the merchant in it, and how many digits follow. */
const vaLayout: {
  readonly [bank in Bank]: { readonly bank: string; readonly merchant: number; readonly rest: number };
} = {
  bca: { bank: '', merchant: 5, rest: 10 },
  bni: { bank: '988', merchant: 5, rest: 8 },
  bri: { bank: '', merchant: 5, rest: 13 },
  cimb: { bank: '1', merchant: 3, rest: 12 },
  permata: { bank: '850', merchant: 2, rest: 10 },
};

export type IsCodeInUse = (code: string) => boolean;

/** A number that nobody is asked to pay right now: two open payments behind one number could not be told apart. */
function freeCode(candidates: () => string, isCodeInUse: IsCodeInUse): string {
  for (;;) {
    const code = candidates();
    if (!isCodeInUse(code)) return code;
  }
}

function vaNumber(bank: Bank, custom: string | null, serverKey: string, isCodeInUse: IsCodeInUse): string {
  const layout = vaLayout[bank];
  const prefix = layout.bank + digitsOf(`${bank} ${serverKey}`, layout.merchant);
  if (custom !== null) {
    const wanted = prefix + (bank === 'bca' ? custom : custom.padStart(layout.rest, '0'));
    if (!isCodeInUse(wanted)) return wanted; // a wanted number in use is replaced by a random one, not refused
  }
  return freeCode(() => prefix + randomDigits(layout.rest), isCodeInUse);
}

export function assignPaymentCode(
  method: RequestedMethod,
  payment: {
    readonly serverKey: string;
    readonly merchantId: string;
    readonly transactionId: string;
    readonly grossAmount: number;
  },
  isCodeInUse: IsCodeInUse,
): PaymentMethod {
  const qrString = (): string =>
    qrisPayload({
      merchantId: payment.merchantId,
      reference: payment.transactionId.replaceAll('-', '').slice(0, 25), // tag 62-05 holds at most 25 characters
      grossAmount: payment.grossAmount,
    });
  switch (method.type) {
    case 'bank_transfer':
      return {
        type: 'bank_transfer',
        bank: method.bank,
        vaNumber: vaNumber(method.bank, method.customVaNumber, payment.serverKey, isCodeInUse),
      };
    case 'echannel': {
      const wanted = method.customBillKey;
      const billKey = wanted !== null && !isCodeInUse(wanted) ? wanted : freeCode(() => randomDigits(12), isCodeInUse);
      return { type: 'echannel', billerCode: '70012', billKey };
    }
    case 'qris':
      return { type: 'qris', acquirer: method.acquirer, qrString: qrString() };
    case 'gopay':
      return { type: 'gopay', qrString: qrString(), callbackUrl: method.callbackUrl };
  }
}

/** What a payer types or scans, by which a payment is found. */
export function paymentCodeOf(method: PaymentMethod): string {
  switch (method.type) {
    case 'bank_transfer':
      return method.vaNumber;
    case 'echannel':
      return method.billKey;
    case 'qris':
    case 'gopay':
      return method.qrString;
  }
}
