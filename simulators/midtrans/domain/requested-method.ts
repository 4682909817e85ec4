import { isJsonObject, type JsonObject } from './json.ts';
import { type Bank, banks, type QrisAcquirer, qrisAcquirers } from './transaction.ts';

export type RequestedMethod =
  | { readonly type: 'bank_transfer'; readonly bank: Bank; readonly customVaNumber: string | null }
  | { readonly type: 'echannel'; readonly customBillKey: string | null }
  | { readonly type: 'gopay'; readonly callbackUrl: string | null }
  | { readonly type: 'qris'; readonly acquirer: QrisAcquirer };

/** 'not-activated': Midtrans knows the payment type, this simulator's merchants do not have it (402). */
export type MethodReading = RequestedMethod | 'not-activated' | 'invalid';

const knownElsewhere: ReadonlySet<unknown> = new Set(
  `credit_card shopeepay ovo dana cstore akulaku kredivo bca_klikpay bca_klikbca bri_epay cimb_clicks danamon_online
  uob_ezpay mandiri_clickpay`.split(/\s+/),
);
const banksElsewhere: ReadonlySet<unknown> = new Set(['bsi', 'danamon', 'seabank', 'saqu']);

/** Digits of a merchant-chosen virtual account number, without the bank's prefix. */
const customVaDigits: { readonly [bank in Bank]: readonly [min: number, max: number] } = {
  bca: [6, 11],
  bni: [1, 8],
  bri: [1, 13],
  cimb: [1, 12],
  permata: [10, 10],
};

const isBank = (value: unknown): value is Bank => banks.some((bank) => bank === value);

const optionalText = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/** The method object bears the method's name; only `bank_transfer` and `echannel` require it. */
export function readRequestedMethod(body: JsonObject, messages: string[]): MethodReading {
  const paymentType = body['payment_type'];
  const details = typeof paymentType === 'string' ? body[paymentType] : undefined;
  const given = isJsonObject(details) ? details : {};
  switch (paymentType) {
    case 'bank_transfer':
      return readBankTransfer(given['bank'], given, messages);
    case 'permata': // older spelling of bank_transfer with bank permata
      return readBankTransfer('permata', given, messages);
    case 'echannel':
      return readMandiriBill(given, messages);
    case 'gopay':
      // a tokenised charge needs a linked account, which is a product of its own
      if (given['account_id'] !== undefined || given['payment_option_token'] !== undefined) return 'not-activated';
      return {
        type: 'gopay',
        callbackUrl: given['enable_callback'] === true ? optionalText(given['callback_url']) : null,
      };
    case 'qris':
      return readQris(given, messages);
  }
  if (knownElsewhere.has(paymentType)) return 'not-activated';
  messages.push(paymentType === undefined ? 'payment_type is required' : 'payment_type is not valid');
  return 'invalid';
}

function readBankTransfer(bank: unknown, given: JsonObject, messages: string[]): MethodReading {
  if (banksElsewhere.has(bank)) return 'not-activated';
  if (!isBank(bank)) {
    messages.push(bank === undefined ? 'bank_transfer.bank is required' : 'bank_transfer.bank is not supported');
    return 'invalid';
  }
  const number = given['va_number'];
  const [min, max] = customVaDigits[bank];
  if (number !== undefined && !(typeof number === 'string' && new RegExp(`^\\d{${min},${max}}$`).test(number))) {
    messages.push(`bank_transfer.va_number for ${bank} must have ${min === max ? min : `${min} to ${max}`} digits`);
    return 'invalid';
  }
  return { type: 'bank_transfer', bank, customVaNumber: optionalText(number) };
}

function readMandiriBill(given: JsonObject, messages: string[]): MethodReading {
  const missing = ['bill_info1', 'bill_info2'].filter((name) => typeof given[name] !== 'string');
  messages.push(...missing.map((name) => `echannel.${name} is required`));
  const billKey = given['bill_key'];
  if (billKey !== undefined && !(typeof billKey === 'string' && /^\d{1,12}$/.test(billKey))) {
    messages.push('echannel.bill_key must have 1 to 12 digits');
    return 'invalid';
  }
  return missing.length > 0 ? 'invalid' : { type: 'echannel', customBillKey: optionalText(billKey) };
}

function readQris(given: JsonObject, messages: string[]): MethodReading {
  const acquirer = qrisAcquirers.find((known) => known === (given['acquirer'] ?? 'gopay'));
  if (acquirer !== undefined) return { type: 'qris', acquirer };
  messages.push('qris.acquirer is not supported');
  return 'invalid';
}
