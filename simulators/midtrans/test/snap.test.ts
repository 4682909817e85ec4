import { describe, expect, it } from 'vitest';
import { bankTransfer, freshOrderId, serverKey, startMerchantEndpoint, startSimulator, textOf } from './harness.ts';

const order = (orderId: string, extra: object = {}): object => ({
  transaction_details: { order_id: orderId, gross_amount: 44_000 },
  ...extra,
});

describe('A Snap page', () => {
  it('is created with HTTP 201, and its order has no status until a method is chosen', async () => {
    const endpoint = await startMerchantEndpoint();
    const { merchant, control } = await startSimulator();
    const headers = { 'x-override-notification': endpoint.url };
    const { httpStatus, body } = await merchant('POST', '/snap/v1/transactions', order('mine'), headers);
    expect(httpStatus).toBe(201);
    expect(body).toEqual({
      token: expect.stringMatching(/^[0-9a-f-]{36}$/),
      redirect_url: expect.stringMatching(/\/snap\/v3\/redirection\/[0-9a-f-]{36}$/),
    });
    expect((await merchant('GET', '/v2/mine/status')).body['status_code']).toBe('404');
    await control('POST', '/simulator/choose', { token: body['token'], method: 'bni_va' });
    expect((await merchant('GET', '/v2/mine/status')).body).toMatchObject({ va_numbers: [{ bank: 'bni' }] });
    await control('POST', '/simulator/pay', { orderId: 'mine' });
    expect(endpoint.statuses()).toEqual(['pending', 'settlement']);
  });

  it('can be used in a browser', async () => {
    const { merchant } = await startSimulator();
    const { body } = await merchant(
      'POST',
      '/snap/v1/transactions',
      order('mine', { enabled_payments: ['gopay', 'bca_va'] }),
    );
    const url = textOf(body, 'redirect_url');
    const page = await (await fetch(url)).text();
    expect(page.match(/method=\w+/g)).toEqual(['method=gopay', 'method=bca_va']);
    const chosen = await fetch(`${url}?method=bca_va`, { method: 'POST' });
    expect(await chosen.text()).toContain('pending');
    expect((await merchant('GET', '/v2/mine/status')).body['payment_type']).toBe('bank_transfer');
  });

  it('paid by order id takes the first offered method', async () => {
    const { merchant, control } = await startSimulator();
    const orderId = freshOrderId();
    await merchant(
      'POST',
      '/snap/v1/transactions',
      order(orderId, { enabled_payments: ['credit_card', 'other_qris'] }),
    );
    const { body } = await control('POST', '/simulator/pay', { orderId });
    expect(body['transaction']).toMatchObject({ payment_type: 'qris', transaction_status: 'settlement' });
  });

  it('offers no method that was not enabled, and only one choice', async () => {
    const { merchant, control } = await startSimulator();
    await merchant('POST', '/snap/v1/transactions', order('mine', { enabled_payments: ['gopay'] }));
    const refused = await control('POST', '/simulator/choose', { orderId: 'mine', method: 'bca_va' });
    expect(refused.body).toMatchObject({ status: 409, code: 'method-not-offered' });
    await control('POST', '/simulator/choose', { orderId: 'mine' });
    expect((await control('POST', '/simulator/choose', { orderId: 'mine' })).httpStatus).toBe(404);
  });

  it('expires without a notification and frees its order id', async () => {
    const { merchant, advance, control } = await startSimulator();
    const page = await merchant('POST', '/snap/v1/transactions', order('mine'));
    expect((await merchant('POST', '/v2/charge', bankTransfer('mine'))).body['status_code']).toBe('406');
    await advance(86_401);
    const late = await control('POST', '/simulator/choose', { token: page.body['token'] });
    expect(late.body).toMatchObject({ status: 409, code: 'page-expired' });
    expect((await control('GET', '/simulator/deliveries')).body).toEqual({ data: [] });
    expect((await merchant('POST', '/v2/charge', bankTransfer('mine'))).body['status_code']).toBe('201');
  });

  it('passes its expiry on to the payment', async () => {
    const { merchant, control, simulator } = await startSimulator();
    const expiry = { duration: 2, unit: 'hours' };
    await merchant('POST', '/snap/v1/transactions', order('mine', { expiry }));
    await control('POST', '/simulator/choose', { orderId: 'mine', method: 'bca_va' });
    const [transaction] = simulator.transactions.all();
    const lifetimeMs = (transaction?.expiryAtMs ?? 0) - (transaction?.transactionAtMs ?? 0);
    expect(lifetimeMs).toBeGreaterThan(7_190_000);
    expect(lifetimeMs).toBeLessThanOrEqual(7_201_000);
  });
});

describe('Snap refuses with real HTTP statuses and error_messages', () => {
  it('a wrong key: 401 with two messages', async () => {
    const { asMerchant } = await startSimulator();
    const { httpStatus, body } = await asMerchant('wrong')('POST', '/snap/v1/transactions', order('mine'));
    expect(httpStatus).toBe(401);
    expect(body).toEqual({ error_messages: [expect.any(String), expect.any(String)] });
  });

  it('items that do not add up, and durations out of bounds: 400', async () => {
    const { merchant } = await startSimulator();
    const item_details = [{ name: 'Apple', price: 1, quantity: 1 }];
    const { httpStatus, body } = await merchant('POST', '/snap/v1/transactions', order('mine', { item_details }));
    expect(httpStatus).toBe(400);
    expect(body).toEqual({
      error_messages: ['transaction_details.gross_amount is not equal to the sum of item_details'],
    });
    for (const extra of [
      { page_expiry: { duration: 4, unit: 'minutes' } },
      { page_expiry: { duration: 8, unit: 'day' } },
      { expiry: { duration: 19, unit: 'second' } },
      { expiry: { duration: 1, unit: 'year' } },
      { enabled_payments: 'gopay' },
    ]) {
      expect((await merchant('POST', '/snap/v1/transactions', order('mine', extra))).httpStatus).toBe(400);
    }
  });

  it('an order id that is taken or paid: 400', async () => {
    const { merchant, control } = await startSimulator();
    const create = () => merchant('POST', '/snap/v1/transactions', order('mine'));
    await create();
    expect((await create()).body).toEqual({ error_messages: ['transaction_details.order_id has already been taken'] });
    await control('POST', '/simulator/pay', { orderId: 'mine', serverKey });
    expect((await create()).body).toEqual({
      error_messages: ['transaction_details.order_id has been paid and utilized, please use another order ID'],
    });
  });
});
