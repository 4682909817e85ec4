import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { bankTransfer, freshOrderId, qris, startMerchantEndpoint, startSimulator } from './harness.ts';

describe('An order id', () => {
  it('is a duplicate while its transaction is open or paid', async () => {
    const { merchant, control } = await startSimulator();
    await merchant('POST', '/v2/charge', bankTransfer('mine'));
    const again = await merchant('POST', '/v2/charge', bankTransfer('mine'));
    expect(again.httpStatus).toBe(200);
    expect(again.body).toMatchObject({ status_code: '406', id: expect.any(String) });
    await control('POST', '/simulator/pay', { orderId: 'mine' });
    expect((await merchant('POST', '/v2/charge', bankTransfer('mine'))).body['status_code']).toBe('406');
  });

  it.each(['cancel', 'expire'])('may be used again after %s, and then means the new transaction', async (action) => {
    const { merchant } = await startSimulator();
    const first = await merchant('POST', '/v2/charge', bankTransfer('mine'));
    await merchant('POST', `/v2/mine/${action}`);
    const second = await merchant('POST', '/v2/charge', bankTransfer('mine'));
    expect(second.body['status_code']).toBe('201');
    expect(second.body['transaction_id']).not.toBe(first.body['transaction_id']);
    const { body } = await merchant('GET', '/v2/mine/status');
    expect(body['transaction_id']).toBe(second.body['transaction_id']);
  });

  it('is unique per merchant, not among merchants', async () => {
    const { asMerchant } = await startSimulator();
    const [one, two] = [asMerchant('SB-Mid-server-one'), asMerchant('SB-Mid-server-two')];
    const first = await one('POST', '/v2/charge', bankTransfer('same'));
    const second = await two('POST', '/v2/charge', bankTransfer('same'));
    expect(second.body['status_code']).toBe('201');
    expect(second.body['merchant_id']).not.toBe(first.body['merchant_id']);
    expect((await one('GET', '/v2/same/status')).body['transaction_id']).toBe(first.body['transaction_id']);
  });
});

describe('An idempotency key', () => {
  const keyed = (key: string) => ({ 'idempotency-key': key });

  it('repeats the first answer for five minutes, whatever the new body is', async () => {
    const { merchant, advance } = await startSimulator();
    const first = await merchant('POST', '/v2/charge', bankTransfer('mine'), keyed('k'));
    const other = await merchant('POST', '/v2/charge', qris('another'), keyed('k'));
    expect(other.body).toEqual(first.body);
    await advance(299);
    expect((await merchant('POST', '/v2/charge', bankTransfer('mine'), keyed('k'))).body).toEqual(first.body);
    await advance(1);
    expect((await merchant('POST', '/v2/charge', bankTransfer('mine'), keyed('k'))).body['status_code']).toBe('406');
  });

  it('answers 202 while the first request is running, and charges once', async () => {
    const { merchant, control, simulator } = await startSimulator();
    const fault = { kind: 'delay', delayMs: 1_000 };
    await control('POST', '/simulator/faults', { match: { path: '/v2/charge' }, fault });
    const first = merchant('POST', '/v2/charge', bankTransfer('mine'), keyed('k'));
    while (simulator.faults.all().length > 0) await nextTurn(); // once it is taken, the first request is running
    let twin = await merchant('POST', '/v2/charge', bankTransfer('mine'), keyed('k'));
    expect(twin.httpStatus).toBe(202);
    while (twin.httpStatus === 202) twin = await merchant('POST', '/v2/charge', bankTransfer('mine'), keyed('k'));
    expect(twin.body).toEqual((await first).body);
    expect(simulator.transactions.all()).toHaveLength(1);
  });

  it('does not remember failures', async () => {
    const { merchant } = await startSimulator();
    expect((await merchant('POST', '/v2/charge', bankTransfer('mine', 'hsbc'), keyed('k'))).body['status_code']).toBe(
      '400',
    );
    expect((await merchant('POST', '/v2/charge', bankTransfer('mine'), keyed('k'))).body['status_code']).toBe('201');
  });

  it('belongs to one merchant', async () => {
    const { asMerchant } = await startSimulator();
    const first = await asMerchant('SB-Mid-server-one')('POST', '/v2/charge', bankTransfer('mine'), keyed('k'));
    const second = await asMerchant('SB-Mid-server-two')('POST', '/v2/charge', bankTransfer('mine'), keyed('k'));
    expect(second.body['transaction_id']).not.toBe(first.body['transaction_id']);
  });

  it('is ignored beyond 46 characters and for Permata', async () => {
    const { merchant } = await startSimulator();
    const long = keyed('x'.repeat(47));
    await merchant('POST', '/v2/charge', bankTransfer('long'), long);
    expect((await merchant('POST', '/v2/charge', bankTransfer('long'), long)).body['status_code']).toBe('406');
    const longest = keyed('x'.repeat(46));
    await merchant('POST', '/v2/charge', bankTransfer('longest'), longest);
    expect((await merchant('POST', '/v2/charge', bankTransfer('longest'), longest)).body['status_code']).toBe('201');
    await merchant('POST', '/v2/charge', bankTransfer('permata', 'permata'), keyed('p'));
    const again = await merchant('POST', '/v2/charge', bankTransfer('permata', 'permata'), keyed('p'));
    expect(again.body['status_code']).toBe('406');
  });

  it('covers refunds as well: the same answer and no second notification', async () => {
    const endpoint = await startMerchantEndpoint();
    const { merchant, control, simulator } = await startSimulator();
    const orderId = freshOrderId();
    await merchant('POST', '/v2/charge', qris(orderId), { 'x-override-notification': endpoint.url });
    await control('POST', '/simulator/pay', { orderId });
    const first = await merchant('POST', `/v2/${orderId}/refund`, { amount: 100 }, keyed('r'));
    expect((await merchant('POST', `/v2/${orderId}/refund`, { amount: 100 }, keyed('r'))).body).toEqual(first.body);
    expect(simulator.transactions.all()[0]?.refunds).toHaveLength(1);
  });
});
