import { describe, expect, it } from 'vitest';
import {
  bankTransfer,
  echannel,
  freshOrderId,
  listOf,
  qris,
  serverKey,
  startMerchantEndpoint,
  startSimulator,
  textOf,
} from './harness.ts';

describe('Paying', () => {
  it('answers after the webhook was tried, with what came of it', async () => {
    const endpoint = await startMerchantEndpoint();
    const { merchant, control } = await startSimulator();
    const headers = { 'x-override-notification': endpoint.url };
    const { body: charge } = await merchant('POST', '/v2/charge', bankTransfer(), headers);
    const vaNumber = textOf(listOf(charge, 'va_numbers')[0] ?? {}, 'va_number');
    await endpoint.arrived(1);
    const { httpStatus, body } = await control('POST', '/simulator/pay', { vaNumber });
    expect(httpStatus).toBe(200);
    expect(body).toMatchObject({
      transaction: { order_id: charge['order_id'], transaction_status: 'settlement', server_key: serverKey },
      deliveries: [
        { state: 'delivered', url: endpoint.url, attempts: [{ outcome: { kind: 'answer', httpStatus: 200 } }] },
      ],
    });
    expect(endpoint.statuses()).toEqual(['pending', 'settlement']);
  });

  it('tells when the merchant failed to take the webhook', async () => {
    const endpoint = await startMerchantEndpoint(() => 500);
    const { merchant, control } = await startSimulator();
    await merchant('POST', '/v2/charge', bankTransfer('mine'), { 'x-override-notification': endpoint.url });
    const { body } = await control('POST', '/simulator/pay', { orderId: 'mine' });
    expect(body).toMatchObject({ deliveries: [{ state: 'waiting', nextAttemptAt: expect.any(String) }] });
  });

  it('finds Permata numbers, bill keys, QR payloads and transaction ids as well', async () => {
    const { merchant, control } = await startSimulator();
    const permata = await merchant('POST', '/v2/charge', bankTransfer(freshOrderId(), 'permata'));
    const bill = await merchant('POST', '/v2/charge', echannel());
    const code = await merchant('POST', '/v2/charge', qris());
    const transfer = await merchant('POST', '/v2/charge', bankTransfer());
    for (const reference of [
      { vaNumber: permata.body['permata_va_number'] },
      { vaNumber: bill.body['bill_key'] },
      { qrString: code.body['qr_string'] },
      { transactionId: transfer.body['transaction_id'] },
    ]) {
      const { body } = await control('POST', '/simulator/pay', reference);
      expect(body['transaction']).toMatchObject({ transaction_status: 'settlement' });
    }
  });

  it('twice is refused, as is paying nothing', async () => {
    const { merchant, control } = await startSimulator();
    await merchant('POST', '/v2/charge', bankTransfer('mine'));
    await control('POST', '/simulator/pay', { orderId: 'mine' });
    const again = await control('POST', '/simulator/pay', { orderId: 'mine' });
    expect(again.httpStatus).toBe(409);
    expect(again.body).toMatchObject({ code: 'invalid-transition', from: 'settlement', to: 'settlement' });
    expect((await control('POST', '/simulator/pay', { vaNumber: '1' })).body).toMatchObject({
      status: 404,
      code: 'not-found',
    });
    expect((await control('POST', '/simulator/pay', {})).body).toMatchObject({
      status: 400,
      code: 'validation-failed',
    });
    expect((await control('POST', '/simulator/pay')).body).toMatchObject({ status: 400, code: 'validation-failed' });
    expect((await control('POST', '/simulator/pay', '{')).body).toMatchObject({ status: 400, code: 'malformed-json' });
    expect((await control('POST', '/simulator/pay', { va: '1' })).body).toMatchObject({ status: 400 });
  });

  it('an order id of two merchants needs the server key', async () => {
    const { asMerchant, control } = await startSimulator();
    for (const key of ['SB-Mid-server-one', 'SB-Mid-server-two']) {
      await asMerchant(key)('POST', '/v2/charge', bankTransfer('same'));
    }
    expect((await control('POST', '/simulator/pay', { orderId: 'same' })).body).toMatchObject({
      status: 409,
      code: 'ambiguous',
    });
    const one = await control('POST', '/simulator/pay', { orderId: 'same', serverKey: 'SB-Mid-server-one' });
    expect(one.body['transaction']).toMatchObject({
      server_key: 'SB-Mid-server-one',
      transaction_status: 'settlement',
    });
    const { body } = await asMerchant('SB-Mid-server-two')('GET', '/v2/same/status');
    expect(body['transaction_status']).toBe('pending');
  });
});

describe('The control calls', () => {
  it('are listed at the root, and the process says it is ready', async () => {
    const { send } = await startSimulator();
    expect((await send('GET', '/')).body).toMatchObject({ calls: { 'POST /simulator/pay': expect.any(String) } });
    expect((await send('GET', '/health/ready')).httpStatus).toBe(200);
    expect((await send('GET', '/v2/nothing/here')).httpStatus).toBe(404);
  });

  it('show and move the clock', async () => {
    const { control, advance } = await startSimulator();
    const before = Date.parse(textOf((await control('GET', '/simulator/clock')).body, 'now'));
    const moved = await advance(3_600);
    expect(Date.parse(textOf(moved.body, 'now')) - before).toBeGreaterThanOrEqual(3_600_000);
    expect(moved.body['offsetSeconds']).toBe(3_600);
    expect((await advance(-1)).httpStatus).toBe(400);
  });

  it('list transactions and merchants', async () => {
    const { merchant, control } = await startSimulator();
    await merchant('POST', '/v2/charge', bankTransfer('one'));
    await merchant('POST', '/v2/charge', bankTransfer('two'));
    const all = await control('GET', '/simulator/transactions');
    expect(listOf(all.body, 'data').map((transaction) => transaction['order_id'])).toEqual(['one', 'two']);
    const one = await control('GET', `/simulator/transactions?orderId=one&serverKey=${serverKey}`);
    expect(one.body['data']).toHaveLength(1);
    const { body } = await control('GET', '/simulator/merchants');
    expect(body).toMatchObject({ data: [{ serverKey, notificationUrl: null, revoked: false }] });
  });

  it('refuse merchants that could not exist', async () => {
    const { control } = await startSimulator();
    expect((await control('POST', '/simulator/merchants', { serverKey: 'mine' })).httpStatus).toBe(400);
    expect((await control('POST', '/simulator/merchants', { serverKey, notificationUrl: 'here' })).httpStatus).toBe(
      400,
    );
  });

  it('reset forgets everything, timers included', async () => {
    const endpoint = await startMerchantEndpoint();
    const { merchant, control, advance } = await startSimulator();
    await merchant('POST', '/v2/charge', bankTransfer('mine'), { 'x-override-notification': endpoint.url });
    await endpoint.arrived(1);
    await advance(60);
    expect((await control('POST', '/simulator/reset')).httpStatus).toBe(204);
    expect((await control('GET', '/simulator/clock')).body['offsetSeconds']).toBe(0);
    expect((await merchant('GET', '/v2/mine/status')).body['status_code']).toBe('404');
    await advance(86_400 * 2);
    expect(endpoint.statuses()).toEqual(['pending']);
  });
});
