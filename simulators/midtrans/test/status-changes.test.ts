import { describe, expect, it } from 'vitest';
import { signNotification } from '../domain/signature.ts';
import {
  bankTransfer,
  echannel,
  freshOrderId,
  gopay,
  qris,
  type Running,
  serverKey,
  startMerchantEndpoint,
  startSimulator,
  textOf,
} from './harness.ts';

async function charged(request: object = bankTransfer()) {
  const endpoint = await startMerchantEndpoint();
  const running = await startSimulator();
  await running.control('POST', '/simulator/merchants', { serverKey, notificationUrl: endpoint.url });
  const { body } = await running.merchant('POST', '/v2/charge', request);
  await endpoint.arrived(1);
  return { ...running, endpoint, orderId: textOf(body, 'order_id'), charge: body };
}

const status = (running: Running, orderId: string) => running.merchant('GET', `/v2/${orderId}/status`);

describe('A notification', () => {
  it('has the documented headers, fields and signature', async () => {
    const { endpoint, control, orderId, charge } = await charged();
    await control('POST', '/simulator/pay', { orderId });
    const settlement = endpoint.received[1];
    expect(settlement?.headers).toMatchObject({
      'content-type': 'application/json',
      accept: 'application/json',
      'user-agent': 'Veritrans',
    });
    expect(settlement?.headers).not.toHaveProperty('authorization');
    expect(settlement?.body).toMatchObject({
      status_code: '200',
      status_message: 'midtrans payment notification',
      transaction_status: 'settlement',
      transaction_id: charge['transaction_id'],
      order_id: orderId,
      merchant_id: charge['merchant_id'],
      gross_amount: '44000.00',
      currency: 'IDR',
      payment_type: 'bank_transfer',
      fraud_status: 'accept',
      va_numbers: charge['va_numbers'],
      payment_amounts: [],
      transaction_time: charge['transaction_time'],
      settlement_time: expect.any(String),
      expiry_time: charge['expiry_time'],
      signature_key: signNotification({ orderId, statusCode: '200', grossAmount: '44000.00' }, serverKey),
    });
  });

  it.each([
    ['deny', '/simulator/deny', '202', '202'],
    ['expire', '/simulator/expire', '202', '407'],
  ])('of %s says 202 and is signed so', async (transactionStatus, call, told, asked) => {
    const given = await charged();
    await given.control('POST', call, { orderId: given.orderId });
    const body = given.endpoint.received[1]?.body ?? {};
    expect(body).toMatchObject({ transaction_status: transactionStatus, status_code: told });
    const signed = { orderId: given.orderId, statusCode: told, grossAmount: '44000.00' };
    expect(body['signature_key']).toBe(signNotification(signed, serverKey));
    expect((await status(given, given.orderId)).body['status_code']).toBe(asked);
  });

  it('of BNI lists the amount that was paid', async () => {
    const { endpoint, control, orderId } = await charged(bankTransfer(freshOrderId(), 'bni'));
    await control('POST', '/simulator/pay', { orderId });
    expect(endpoint.received[1]?.body['payment_amounts']).toEqual([
      { paid_at: expect.any(String), amount: '44000.00' },
    ]);
  });

  it.each([
    ['gopay', 'on-us'],
    ['ovo', 'off-us'],
  ])('of QRIS paid with %s is %s', async (issuer, transactionType) => {
    const { endpoint, control, charge } = await charged(qris());
    await control('POST', '/simulator/pay', { qrString: charge['qr_string'], issuer });
    expect(endpoint.received[1]?.body).toMatchObject({
      transaction_type: transactionType,
      issuer,
      acquirer: 'gopay',
      merchant_cross_reference_id: expect.any(String),
    });
  });
});

describe('Cancelling', () => {
  it('answers 200, tells 202, and is final', async () => {
    const given = await charged();
    const { httpStatus, body } = await given.merchant('POST', `/v2/${given.orderId}/cancel`);
    expect(httpStatus).toBe(200);
    expect(body).toMatchObject({
      status_code: '200',
      status_message: 'Success, transaction is canceled',
      transaction_status: 'cancel',
    });
    await given.endpoint.arrived(2);
    expect(given.endpoint.received[1]?.body).toMatchObject({ transaction_status: 'cancel', status_code: '202' });
    expect((await given.control('POST', '/simulator/pay', { orderId: given.orderId })).httpStatus).toBe(409);
  });

  it('a settled transaction is 412, and so is expiring it', async () => {
    const given = await charged();
    await given.control('POST', '/simulator/pay', { orderId: given.orderId });
    for (const action of ['cancel', 'expire', 'approve', 'deny']) {
      const { httpStatus, body } = await given.merchant('POST', `/v2/${given.orderId}/${action}`);
      expect(httpStatus).toBe(200);
      expect(body).toMatchObject({
        status_code: '412',
        status_message: 'Merchant cannot modify the status of the transaction',
      });
    }
  });
});

describe('Expiring', () => {
  it('on demand answers 407', async () => {
    const given = await charged();
    const { httpStatus, body } = await given.merchant('POST', `/v2/${given.orderId}/expire`);
    expect(httpStatus).toBe(200);
    expect(body).toMatchObject({
      status_code: '407',
      status_message: 'Success, transaction is expired',
      transaction_status: 'expire',
    });
  });

  it('happens by itself when the time is over, not before, with a notification', async () => {
    const given = await charged(qris());
    await given.advance(890);
    expect((await status(given, given.orderId)).body['transaction_status']).toBe('pending');
    await given.advance(11);
    expect((await status(given, given.orderId)).body).toMatchObject({
      transaction_status: 'expire',
      status_code: '407',
    });
    expect(given.endpoint.statuses()).toEqual(['pending', 'expire']);
  });

  it('can come late: until then the payment stays pending, and somebody may still pay', async () => {
    const endpoint = await startMerchantEndpoint();
    const running = await startSimulator();
    await running.control('POST', '/simulator/settings', { expiryDelaySeconds: 90 });
    await running.control('POST', '/simulator/merchants', { serverKey, notificationUrl: endpoint.url });
    for (const id of ['late', 'paid']) await running.merchant('POST', '/v2/charge', qris(id));
    await running.advance(900 + 60);
    expect((await status(running, 'late')).body).toMatchObject({ transaction_status: 'pending', status_code: '201' });
    await running.control('POST', '/simulator/pay', { orderId: 'paid' });
    await running.advance(31);
    expect((await status(running, 'late')).body['transaction_status']).toBe('expire');
    expect((await status(running, 'paid')).body['transaction_status']).toBe('settlement');
    expect(endpoint.statuses()).toEqual(['pending', 'pending', 'settlement', 'expire']);
  });

  it('leaves a paid transaction alone', async () => {
    const given = await charged(gopay());
    await given.control('POST', '/simulator/pay', { orderId: given.orderId });
    await given.advance(86_400);
    expect((await status(given, given.orderId)).body['transaction_status']).toBe('settlement');
  });
});

describe('Reversal', () => {
  it.each([
    ['Permata', bankTransfer(freshOrderId(), 'permata')],
    ['Mandiri Bill', echannel()],
  ])('turns a settlement of %s into deny, with a notification', async (_name, request) => {
    const given = await charged(request);
    await given.control('POST', '/simulator/pay', { orderId: given.orderId });
    const { body } = await given.control('POST', '/simulator/reverse', { orderId: given.orderId });
    expect(body['transaction']).toMatchObject({ transaction_status: 'deny', status_code: '202' });
    expect(body['transaction']).not.toHaveProperty('settlement_time');
    expect(given.endpoint.statuses()).toEqual(['pending', 'settlement', 'deny']);
  });

  it('of others needs force', async () => {
    const given = await charged();
    await given.control('POST', '/simulator/pay', { orderId: given.orderId });
    const refused = await given.control('POST', '/simulator/reverse', { orderId: given.orderId });
    expect(refused.body).toMatchObject({ status: 409, code: 'invalid-transition' });
    const forced = await given.control('POST', '/simulator/reverse', { orderId: given.orderId, force: true });
    expect(forced.body['transaction']).toMatchObject({ transaction_status: 'deny' });
  });
});

describe('Chargeback', () => {
  it('takes part, then the rest, and never more', async () => {
    const given = await charged(qris());
    const chargeback = (amount?: number) =>
      given.control('POST', '/simulator/chargeback', {
        orderId: given.orderId,
        ...(amount === undefined ? {} : { amount }),
      });
    expect((await chargeback()).httpStatus).toBe(409);
    await given.control('POST', '/simulator/pay', { orderId: given.orderId });
    expect((await chargeback(44_001)).httpStatus).toBe(409);
    expect((await chargeback(4_000)).body['transaction']).toMatchObject({ transaction_status: 'partial_chargeback' });
    expect((await chargeback(40_001)).httpStatus).toBe(409);
    expect((await chargeback()).body['transaction']).toMatchObject({ transaction_status: 'chargeback' });
    expect((await chargeback()).httpStatus).toBe(409);
    expect(given.endpoint.statuses()).toEqual(['pending', 'settlement', 'partial_chargeback', 'chargeback']);
  });
});
