import { describe, expect, it } from 'vitest';
import {
  bankTransfer,
  echannel,
  freshOrderId,
  gopay,
  listOf,
  qris,
  startMerchantEndpoint,
  startSimulator,
  textOf,
} from './harness.ts';

async function paid(request: object = qris(freshOrderId(), 10_000)) {
  const endpoint = await startMerchantEndpoint();
  const running = await startSimulator();
  const { body } = await running.merchant('POST', '/v2/charge', request, { 'x-override-notification': endpoint.url });
  const orderId = textOf(body, 'order_id');
  await endpoint.arrived(1);
  await running.control('POST', '/simulator/pay', { orderId });
  const refund = (request: object, route = 'refund') => running.merchant('POST', `/v2/${orderId}/${route}`, request);
  return { ...running, endpoint, orderId, refund };
}

describe('Refunding part of a payment', () => {
  it('answers with this refund, and with all of them on the direct route', async () => {
    const { refund } = await paid();
    const first = await refund({ refund_key: 'one', amount: 5_000, reason: 'wrong size' });
    expect(first.httpStatus).toBe(200);
    expect(first.body).toMatchObject({
      status_code: '200',
      status_message: 'Success, refund request is approved',
      transaction_status: 'partial_refund',
      gross_amount: '10000.00',
      refund_chargeback_id: 1,
      refund_amount: '5000.00',
      refund_key: 'one',
    });
    const second = await refund({ refund_key: 'two', amount: '2000' }, 'refund/online/direct');
    expect(second.body).toMatchObject({
      status_message: 'Success, refund request is approved by the bank',
      refund_amount: '7000.00',
      refund_chargeback_id: 2,
    });
    const third = await refund({});
    expect(third.body).toMatchObject({
      transaction_status: 'refund',
      refund_amount: '3000.00',
      refund_key: expect.any(String),
    });
  });

  it('is told twice: at once, and when the bank confirms', async () => {
    const { refund, endpoint, advance, merchant, orderId } = await paid();
    await refund({ refund_key: 'one', amount: 5_000 });
    await endpoint.arrived(3);
    expect(listOf(endpoint.received[2]?.body ?? {}, 'refunds')[0]).not.toHaveProperty('bank_confirmed_at');
    await advance(31);
    expect(endpoint.statuses()).toEqual(['pending', 'settlement', 'partial_refund', 'partial_refund']);
    const { body } = await merchant('GET', `/v2/${orderId}/status`);
    for (const said of [endpoint.received[3]?.body, body]) {
      expect(said).toMatchObject({
        status_code: '200',
        refund_amount: '5000.00',
        refunds: [
          {
            refund_key: 'one',
            refund_amount: '5000.00',
            refund_method: 'online',
            bank_confirmed_at: expect.any(String),
          },
        ],
      });
    }
    expect(body['status_message']).toBe('Success, refund request is approved by the bank');
    await advance(86_400);
    expect(endpoint.received).toHaveLength(4);
  });
});

describe('A refund is refused', () => {
  it('with 414 for more than is left', async () => {
    const { refund } = await paid();
    const { httpStatus, body } = await refund({ amount: 10_001 });
    expect(httpStatus).toBe(200);
    expect(body).toMatchObject({
      status_code: '414',
      status_message: 'Refund request is rejected due to invalid amount',
    });
  });

  it('with 406 for a key that was used, by this order or another one of the merchant', async () => {
    const { refund, merchant, control } = await paid();
    await refund({ refund_key: 'one', amount: 100 });
    const again = await refund({ refund_key: 'one', amount: 100 });
    expect(again.body).toMatchObject({ status_code: '406', status_message: 'Duplicate refund ID' });
    const orderId = freshOrderId();
    await merchant('POST', '/v2/charge', qris(orderId));
    await control('POST', '/simulator/pay', { orderId });
    const other = await merchant('POST', `/v2/${orderId}/refund`, { refund_key: 'one', amount: 100 });
    expect(other.body['status_code']).toBe('406');
  });

  it('with 412 for bank transfers and Mandiri Bill, and before payment', async () => {
    for (const request of [bankTransfer(), echannel()]) {
      const { refund } = await paid(request);
      expect((await refund({ amount: 1 })).body['status_code']).toBe('412');
    }
    const { merchant } = await startSimulator();
    await merchant('POST', '/v2/charge', gopay('unpaid'));
    expect((await merchant('POST', '/v2/unpaid/refund', {})).body['status_code']).toBe('412');
    expect((await merchant('POST', '/v2/unknown/refund', {})).body['status_code']).toBe('404');
  });

  it('with 412 after the window of the method', async () => {
    const { refund, advance } = await paid(gopay(freshOrderId(), 10_000));
    await advance(45 * 86_400 + 1);
    expect((await refund({ amount: 1 })).body['status_code']).toBe('412');
  });

  it.each([{ refund_key: 'a b' }, { amount: 1.5 }, { amount: '5' }, { reason: 'x'.repeat(256) }])(
    'with 400 for %j',
    async (request) => {
      const { refund } = await paid();
      expect((await refund(request)).body['status_code']).toBe('400');
    },
  );
});

describe('A refund that fails at the provider', () => {
  it('is 202 when denied, moves nothing, tells nothing, and may be retried with the same key', async () => {
    const { refund, control, endpoint, orderId } = await paid();
    await control('POST', '/simulator/faults', { match: { orderId }, fault: { kind: 'refund-denied' } });
    const denied = await refund({ refund_key: 'one', amount: 5_000 }, 'refund/online/direct');
    expect(denied.body).toMatchObject({
      status_code: '202',
      status_message: 'Refund denied by the bank',
      transaction_status: 'settlement',
      refund_amount: '0.00',
    });
    const retried = await refund({ refund_key: 'one', amount: 5_000 }, 'refund/online/direct');
    expect(retried.body).toMatchObject({ status_code: '200', refund_amount: '5000.00' });
    await endpoint.arrived(3);
    expect(endpoint.statuses()).toEqual(['pending', 'settlement', 'partial_refund']);
  });

  it('is 414 when the merchant balance does not suffice, and may be retried', async () => {
    const { refund, control } = await paid();
    await control('POST', '/simulator/faults', {
      match: { path: '*/refund' },
      fault: { kind: 'insufficient-balance' },
    });
    const poor = await refund({ refund_key: 'one', amount: 5_000 });
    expect(poor.body).toMatchObject({
      status_code: '414',
      status_message: expect.stringContaining('insufficient funds'),
    });
    expect((await refund({ refund_key: 'one', amount: 5_000 })).body['status_code']).toBe('200');
  });
});
