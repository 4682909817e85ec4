import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../domain/json.ts';
import {
  authorization,
  bankTransfer,
  echannel,
  freshOrderId,
  gopay,
  qris,
  serverKey,
  startSimulator,
} from './harness.ts';

async function refusal(request: unknown) {
  const { merchant } = await startSimulator();
  return merchant('POST', '/v2/charge', request);
}

const withDetails = (details: JsonObject): JsonObject => ({
  ...bankTransfer(),
  transaction_details: { order_id: freshOrderId(), gross_amount: 44_000, ...details },
});

describe('A charge is invalid', () => {
  const invalid: readonly (readonly [string, JsonObject, string])[] = [
    ['without payment_type', { transaction_details: { order_id: 'a', gross_amount: 1 } }, 'payment_type is required'],
    ['with an unknown payment_type', { ...bankTransfer(), payment_type: 'cash' }, 'payment_type is not valid'],
    [
      'without transaction_details',
      { ...bankTransfer(), transaction_details: undefined },
      'transaction_details is required',
    ],
    ['without order id', withDetails({ order_id: '' }), 'transaction_details.order_id is required'],
    [
      'with 51 characters of order id',
      withDetails({ order_id: 'x'.repeat(51) }),
      'transaction_details.order_id is too long',
    ],
    ['with a slash in the order id', withDetails({ order_id: 'a/b' }), 'transaction_details.order_id contains symbols'],
    ['with decimals', withDetails({ gross_amount: 44_000.5 }), 'transaction_details.gross_amount must be an integer'],
    [
      'with an amount as text',
      withDetails({ gross_amount: '44000' }),
      'transaction_details.gross_amount must be an integer',
    ],
    ['for nothing', withDetails({ gross_amount: 0 }), 'transaction_details.gross_amount must be greater than 0'],
    ['in dollars', withDetails({ currency: 'USD' }), 'transaction_details.currency must be IDR'],
    ['without a bank', { ...bankTransfer(), bank_transfer: {} }, 'bank_transfer.bank is required'],
    ['with an unknown bank', bankTransfer(freshOrderId(), 'hsbc'), 'bank_transfer.bank is not supported'],
    [
      'with too short a BCA number',
      { ...bankTransfer(), bank_transfer: { bank: 'bca', va_number: '12345' } },
      'bank_transfer.va_number for bca must have 6 to 11 digits',
    ],
    ['without bill_info2', { ...echannel(), echannel: { bill_info1: 'a' } }, 'echannel.bill_info2 is required'],
    ['with an unknown acquirer', { ...qris(), qris: { acquirer: 'bank' } }, 'qris.acquirer is not supported'],
    [
      'with long names at BCA',
      { ...bankTransfer(), customer_details: { first_name: 'x'.repeat(31) } },
      'customer_details.first_name is too long for BCA',
    ],
    [
      'with a foreign phone at BNI',
      { ...bankTransfer(freshOrderId(), 'bni'), customer_details: { phone: '+15550100' } },
      'customer_details.phone for BNI must start with +62 or 0',
    ],
    ['with a long custom field', { ...bankTransfer(), custom_field3: 'x'.repeat(256) }, 'custom_field3 is too long'],
  ];
  it.each(invalid)('%s', async (_name, request, message) => {
    const { httpStatus, body } = await refusal(request);
    expect(httpStatus).toBe(200);
    expect(body).toMatchObject({
      status_code: '400',
      status_message: 'One or more parameters in the payload is invalid.',
      validation_messages: [expect.stringContaining(message)],
      id: expect.any(String),
    });
  });

  it('with everything that is wrong in one answer', async () => {
    const { body } = await refusal({ payment_type: 'bank_transfer' });
    expect(body['validation_messages']).toEqual(['bank_transfer.bank is required', 'transaction_details is required']);
  });
});

describe('Amount limits', () => {
  it.each([
    ['bca', 9_999],
    ['bca', 20_000_000_001],
    ['bri', 20_000_000_001],
    ['cimb', 250_000_001],
    ['permata', 10_000_000_000],
  ])('%s refuses %i', async (bank, amount) => {
    expect((await refusal(bankTransfer(freshOrderId(), bank, amount))).body['status_code']).toBe('400');
  });
  it.each([
    ['bca', 10_000],
    ['bca', 20_000_000_000],
    ['bri', 1],
    ['cimb', 250_000_000],
    ['permata', 9_999_999_999],
    ['bni', 900_000_000_000],
  ])('%s takes %i', async (bank, amount) => {
    const { body } = await refusal(bankTransfer(freshOrderId(), bank, amount));
    expect(body).toMatchObject({ status_code: '201', gross_amount: `${amount}.00` });
  });
  it('QRIS ends at 10 million, GoPay at 20 million', async () => {
    expect((await refusal(qris(freshOrderId(), 10_000_001))).body['status_code']).toBe('400');
    expect((await refusal(qris(freshOrderId(), 10_000_000))).body['status_code']).toBe('201');
    expect((await refusal(gopay(freshOrderId(), 20_000_001))).body['status_code']).toBe('400');
    expect((await refusal(gopay(freshOrderId(), 20_000_000))).body['status_code']).toBe('201');
  });
});

describe('Items', () => {
  const item = (price: number, quantity: number): JsonObject => ({ id: 'a', name: 'Apple', price, quantity });
  const withItems = (...items: readonly JsonObject[]): JsonObject => ({ ...bankTransfer(), item_details: items });

  it('must add up to the amount exactly, discounts included', async () => {
    expect((await refusal(withItems(item(45_000, 1), item(-500, 2)))).body['status_code']).toBe('201');
    const { body } = await refusal(withItems(item(45_000, 1), item(-500, 1)));
    expect(body['validation_messages']).toEqual([
      'transaction_details.gross_amount must be equal to token request gross_amount',
    ]);
  });

  it.each([
    [{ name: 'Apple', price: 44_000, quantity: 0 }],
    [{ name: 'Apple', price: 44_000.5, quantity: 1 }],
    [{ price: 44_000, quantity: 1 }],
    [{ name: 'x'.repeat(51), price: 44_000, quantity: 1 }],
  ])('are refused when malformed: %j', async (bad) => {
    expect((await refusal(withItems(bad))).body['status_code']).toBe('400');
  });
});

describe('custom_expiry', () => {
  const expiring = (request: JsonObject, custom_expiry: JsonObject): JsonObject => ({ ...request, custom_expiry });

  it.each([
    [bankTransfer(), { expiry_duration: 30 }, 1_800],
    [bankTransfer(), { expiry_duration: 2, unit: 'day' }, 172_800],
    [qris(), { expiry_duration: 20, unit: 'second' }, 20],
    [gopay(), { expiry_duration: 7, unit: 'day' }, 604_800],
  ])('counts from now in the given unit, minutes by default', async (request, customExpiry, seconds) => {
    const { simulator, merchant } = await startSimulator();
    await merchant('POST', '/v2/charge', expiring({ ...request }, customExpiry));
    const [transaction] = simulator.transactions.all();
    expect((transaction?.expiryAtMs ?? 0) - (transaction?.transactionAtMs ?? 0)).toBe(seconds * 1_000);
  });

  it('counts from order_time when given', async () => {
    const { simulator, merchant } = await startSimulator();
    const order_time = '2099-01-01 07:00:00 +0700';
    await merchant('POST', '/v2/charge', expiring(bankTransfer(), { order_time, expiry_duration: 1, unit: 'hour' }));
    expect(simulator.transactions.all()[0]?.expiryAtMs).toBe(Date.UTC(2099, 0, 1, 1));
  });

  it.each([
    [qris(), { expiry_duration: 19, unit: 'second' }],
    [gopay(), { expiry_duration: 8, unit: 'day' }],
    [bankTransfer(), { expiry_duration: 0 }],
    [bankTransfer(), { expiry_duration: 1, unit: 'week' }],
    [bankTransfer(), { expiry_duration: 1, order_time: '2020-01-01 00:00:00' }],
    [bankTransfer(), { expiry_duration: 1, order_time: '2020-01-01 00:00:00 +0700' }],
  ])('is refused outside its bounds', async (request, customExpiry) => {
    expect((await refusal(expiring(request, customExpiry))).body['status_code']).toBe('400');
  });
});

describe('The envelope', () => {
  it.each([
    ['no key', undefined],
    ['a key of another form', authorization('Mid-server-production')],
    ['a client key', authorization('SB-Mid-client-x')],
    ['a password', `Basic ${Buffer.from(`${serverKey}:secret`).toString('base64')}`],
    ['another scheme', 'Bearer token'],
  ])('%s is a real 401', async (_name, header) => {
    const { send } = await startSimulator();
    const headers: Record<string, string> = header === undefined ? {} : { authorization: header };
    const { httpStatus, body } = await send('POST', '/v2/charge', bankTransfer(), headers);
    expect(httpStatus).toBe(401);
    expect(body).toEqual({
      status_code: '401',
      status_message: 'Transaction cannot be authorized with the current client/server key.',
      id: expect.any(String),
    });
  });

  it('a revoked key is a 401 until it is restored', async () => {
    const { merchant, control } = await startSimulator();
    await control('POST', '/simulator/merchants', { serverKey, revoked: true });
    expect((await merchant('POST', '/v2/charge', bankTransfer())).httpStatus).toBe(401);
    await control('POST', '/simulator/merchants', { serverKey, revoked: false });
    expect((await merchant('POST', '/v2/charge', bankTransfer())).body['status_code']).toBe('201');
  });

  it('malformed JSON is 413 in the body, a wrong Accept header 403', async () => {
    const { merchant } = await startSimulator();
    const malformed = await merchant('POST', '/v2/charge', '{"payment_type":');
    expect([malformed.httpStatus, malformed.body['status_code']]).toEqual([200, '413']);
    const html = await merchant('POST', '/v2/charge', bankTransfer(), { accept: 'text/html' });
    expect(html.body['status_code']).toBe('403');
  });
});
