import { describe, expect, it } from 'vitest';
import { bankTransfer, freshOrderId, qris, serverKey, startMerchantEndpoint, startSimulator } from './harness.ts';
import { createPublishedClient } from './published-client.ts';

async function connect(key = serverKey) {
  const running = await startSimulator();
  return { ...running, ...createPublishedClient(running.baseUrl, key) };
}

describe('The published client', () => {
  it('charges, asks, cancels', async () => {
    const { core } = await connect();
    const orderId = freshOrderId();
    const charge = await core.charge(bankTransfer(orderId));
    expect(charge).toMatchObject({ status_code: '201', transaction_status: 'pending' });
    expect(await core.transaction.status(orderId)).toMatchObject({ transaction_id: charge['transaction_id'] });
    expect(await core.transaction.cancel(orderId)).toMatchObject({ status_code: '200', transaction_status: 'cancel' });
  });

  it('expires and reads 407 as an answer, not as an error', async () => {
    const { core } = await connect();
    const orderId = freshOrderId();
    await core.charge(bankTransfer(orderId));
    expect(await core.transaction.expire(orderId)).toMatchObject({ status_code: '407' });
    expect(await core.transaction.status(orderId)).toMatchObject({ status_code: '407', transaction_status: 'expire' });
  });

  it('refunds on both routes', async () => {
    const { core, control } = await connect();
    const orderId = freshOrderId();
    await core.charge(qris(orderId));
    await control('POST', '/simulator/pay', { orderId });
    const first = await core.transaction.refund(orderId, { refund_key: 'one', amount: 4_000, reason: 'because' });
    expect(first).toMatchObject({ transaction_status: 'partial_refund', refund_amount: '4000.00' });
    const second = await core.transaction.refundDirect(orderId, { refund_key: 'two', amount: 40_000 });
    expect(second).toMatchObject({ transaction_status: 'refund', refund_amount: '44000.00' });
  });

  it('resolves a notification by asking for the status', async () => {
    const endpoint = await startMerchantEndpoint();
    const { core, control } = await connect();
    await control('POST', '/simulator/merchants', { serverKey, notificationUrl: endpoint.url });
    const orderId = freshOrderId();
    await core.charge(bankTransfer(orderId));
    await endpoint.arrived(1);
    await control('POST', '/simulator/pay', { orderId });
    const said = endpoint.received[1]?.body ?? {};
    const { status_message, ...asked } = await core.transaction.notification(said);
    expect(said).toMatchObject(asked);
    expect(status_message).toBe('Success, transaction is found');
  });

  it('creates Snap pages', async () => {
    const { snap } = await connect();
    const details = { transaction_details: { order_id: freshOrderId(), gross_amount: 44_000 } };
    expect(await snap.createTransaction(details)).toMatchObject({ token: expect.any(String) });
  });

  it('rejects business errors that came with HTTP 200, and wrong keys', async () => {
    const { core } = await connect();
    await expect(core.transaction.status('unknown')).rejects.toMatchObject({ httpStatusCode: '404' });
    await expect(core.charge({ ...bankTransfer(), payment_type: 'credit_card' })).rejects.toMatchObject({
      httpStatusCode: '402',
    });
    const stranger = await connect('Mid-server-production');
    await expect(stranger.core.charge(bankTransfer())).rejects.toMatchObject({ httpStatusCode: 401 });
  });
});
