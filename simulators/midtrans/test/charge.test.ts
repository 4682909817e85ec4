import { describe, expect, it } from 'vitest';
import { signNotification } from '../domain/signature.ts';
import {
  bankTransfer,
  echannel,
  freshOrderId,
  gopay,
  listOf,
  qris,
  serverKey,
  startSimulator,
  textOf,
} from './harness.ts';

const providerTime = /^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$/;
const secondsBetween = (from: string, to: string): number =>
  (Date.parse(`${to.replace(' ', 'T')}Z`) - Date.parse(`${from.replace(' ', 'T')}Z`)) / 1_000;

describe('Charging a bank transfer', () => {
  it('answers as documented: text codes, two decimals, local times, HTTP 200', async () => {
    const { merchant } = await startSimulator();
    const { httpStatus, body } = await merchant('POST', '/v2/charge', bankTransfer('order-101'));
    expect(httpStatus).toBe(200);
    expect(body).toMatchObject({
      status_code: '201',
      status_message: 'Success, Bank Transfer transaction is created',
      order_id: 'order-101',
      gross_amount: '44000.00',
      currency: 'IDR',
      payment_type: 'bank_transfer',
      transaction_status: 'pending',
      fraud_status: 'accept',
      merchant_id: expect.stringMatching(/^G\d{9}$/),
      transaction_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      transaction_time: expect.stringMatching(providerTime),
      va_numbers: [{ bank: 'bca', va_number: expect.stringMatching(/^\d{15}$/) }],
    });
    expect(secondsBetween(textOf(body, 'transaction_time'), textOf(body, 'expiry_time'))).toBe(86_400);
  });

  it.each(['bni', 'bri', 'cimb'])('of %s names its virtual account', async (bank) => {
    const { merchant } = await startSimulator();
    const { body } = await merchant('POST', '/v2/charge', bankTransfer(freshOrderId(), bank));
    expect(body).toMatchObject({ va_numbers: [{ bank, va_number: expect.stringMatching(/^\d{15,18}$/) }] });
  });

  it.each([
    { ...bankTransfer(), bank_transfer: { bank: 'permata' } },
    { ...bankTransfer(), payment_type: 'permata' },
  ])('of Permata has a field of its own and no va_numbers', async (request) => {
    const { merchant } = await startSimulator();
    const { body } = await merchant('POST', '/v2/charge', request);
    expect(body).toMatchObject({ payment_type: 'bank_transfer', permata_va_number: expect.stringMatching(/^\d+$/) });
    expect(body['status_message']).toBe('Success, PERMATA VA transaction is successful');
    expect(body).not.toHaveProperty('va_numbers');
  });

  it('uses the number the merchant wants, and another one while that is taken', async () => {
    const { merchant } = await startSimulator();
    const wish = (): object => ({ ...bankTransfer(), bank_transfer: { bank: 'bca', va_number: '12345678' } });
    const number = (body: Parameters<typeof listOf>[0]): unknown => listOf(body, 'va_numbers')[0]?.['va_number'];
    const first = await merchant('POST', '/v2/charge', wish());
    expect(number(first.body)).toMatch(/^\d{5}12345678$/);
    const second = await merchant('POST', '/v2/charge', wish());
    expect(second.body['status_code']).toBe('201');
    expect(number(second.body)).not.toBe(number(first.body));
    await merchant('POST', `/v2/${first.body['order_id']}/cancel`);
    const third = await merchant('POST', '/v2/charge', wish());
    expect(number(third.body)).toBe(number(first.body));
  });
});

describe('Charging other methods', () => {
  it('Mandiri Bill has a biller code and a bill key', async () => {
    const { merchant } = await startSimulator();
    const { body } = await merchant('POST', '/v2/charge', echannel());
    expect(body).toMatchObject({
      status_code: '201',
      biller_code: '70012',
      bill_key: expect.stringMatching(/^\d{12}$/),
    });
    expect(body['status_message']).toBe('OK, Mandiri Bill transaction is successful');
  });

  it('QRIS has a payload and images of it, and lasts 15 minutes', async () => {
    const { merchant } = await startSimulator();
    const { body } = await merchant('POST', '/v2/charge', qris());
    expect(body).toMatchObject({ acquirer: 'gopay', qr_string: expect.stringMatching(/^000201/) });
    expect(secondsBetween(textOf(body, 'transaction_time'), textOf(body, 'expiry_time'))).toBe(900);
    expect(listOf(body, 'actions').map((action) => action['name'])).toEqual([
      'generate-qr-code',
      'generate-qr-code-v2',
    ]);
    for (const action of listOf(body, 'actions')) {
      const image = await fetch(textOf(action, 'url'));
      expect(image.headers.get('content-type')).toBe('image/png');
      expect(
        Buffer.from(await image.arrayBuffer())
          .subarray(1, 4)
          .toString(),
      ).toBe('PNG');
    }
  });

  it('GoPay has a QR image, a deeplink, a status and a cancel action that work', async () => {
    const { merchant } = await startSimulator();
    const { body } = await merchant('POST', '/v2/charge', gopay());
    const actions = new Map(listOf(body, 'actions').map((action) => [action['name'], textOf(action, 'url')]));
    expect([...actions.keys()]).toEqual(['generate-qr-code', 'deeplink-redirect', 'get-status', 'cancel']);
    const image = await fetch(actions.get('generate-qr-code') ?? '');
    expect(image.headers.get('content-type')).toBe('image/png');
    const status = await merchant('GET', actions.get('get-status') ?? '');
    expect(status.body['transaction_status']).toBe('pending');
    const paid = await fetch(actions.get('deeplink-redirect') ?? '', { method: 'POST', redirect: 'manual' });
    expect(paid.headers.get('location')).toBe(`https://shop.example/done?order_id=${body['order_id']}`);
    const settled = await merchant('GET', actions.get('get-status') ?? '');
    expect(settled.body['transaction_status']).toBe('settlement');
  });

  it.each(['credit_card', 'shopeepay', 'ovo', 'cstore', 'akulaku'])(
    '%s is not activated: 402',
    async (payment_type) => {
      const { merchant } = await startSimulator();
      const { httpStatus, body } = await merchant('POST', '/v2/charge', { ...bankTransfer(), payment_type });
      expect(httpStatus).toBe(200);
      expect(body).toMatchObject({ status_code: '402', status_message: 'Payment channel is not activated.' });
    },
  );
});

describe('Asking for the status', () => {
  it('answers what a notification says, signed, by order id and by transaction id', async () => {
    const { merchant } = await startSimulator();
    const charge = { ...bankTransfer(), custom_field1: 'tenant', metadata: { invoice: 7 } };
    const { body: charged } = await merchant('POST', '/v2/charge', charge);
    const orderId = textOf(charged, 'order_id');
    const { body } = await merchant('GET', `/v2/${orderId}/status`);
    expect(body).toMatchObject({
      status_code: '201',
      status_message: 'Success, transaction is found',
      transaction_status: 'pending',
      va_numbers: charged['va_numbers'],
      payment_amounts: [],
      custom_field1: 'tenant',
      metadata: { invoice: 7 },
    });
    const signed = { orderId, statusCode: '201', grossAmount: '44000.00' };
    expect(body['signature_key']).toBe(signNotification(signed, serverKey));
    const byTransaction = await merchant('GET', `/v2/${charged['transaction_id']}/status`);
    expect(byTransaction.body).toEqual(body);
  });

  it('of nothing is 404 in the body and 200 in HTTP, with a correlation id', async () => {
    const { merchant } = await startSimulator();
    const { httpStatus, body } = await merchant('GET', '/v2/unknown/status');
    expect(httpStatus).toBe(200);
    expect(body).toEqual({
      status_code: '404',
      status_message: "Transaction doesn't exist.",
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
  });

  it("of another merchant's transaction is 404 too, by either id", async () => {
    const { merchant, asMerchant } = await startSimulator();
    const { body } = await merchant('POST', '/v2/charge', bankTransfer());
    const other = asMerchant('SB-Mid-server-other');
    for (const id of [body['order_id'], body['transaction_id']]) {
      expect((await other('GET', `/v2/${id}/status`)).body['status_code']).toBe('404');
    }
  });
});
