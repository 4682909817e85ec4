import { describe, expect, it } from 'vitest';
import { signNotification } from '../domain/signature.ts';
import { bankTransfer, freshOrderId, serverKey, startMerchantEndpoint, startSimulator } from './harness.ts';

async function withFault(entry: object) {
  const endpoint = await startMerchantEndpoint();
  const running = await startSimulator();
  await running.control('POST', '/simulator/merchants', { serverKey, notificationUrl: endpoint.url });
  expect((await running.control('POST', '/simulator/faults', entry)).httpStatus).toBe(201);
  const orderId = freshOrderId();
  const charge = (headers: Record<string, string> = {}) =>
    running.merchant('POST', '/v2/charge', bankTransfer(orderId), headers);
  const pay = () => running.control('POST', '/simulator/pay', { orderId });
  return { ...running, endpoint, orderId, charge, pay };
}

describe('A scripted fault of a call', () => {
  it('error: answers so the given number of times, without charging', async () => {
    const fault = { kind: 'error', statusCode: '503', statusMessage: 'Bank is experiencing connection issue.' };
    const { charge, simulator } = await withFault({ match: { path: '/v2/charge', method: 'post' }, times: 2, fault });
    for (let time = 0; time < 2; time++) {
      const { httpStatus, body } = await charge();
      expect(httpStatus).toBe(503);
      expect(body).toEqual({ status_code: '503', status_message: 'Bank is experiencing connection issue.' });
    }
    expect(simulator.transactions.all()).toHaveLength(0);
    expect((await charge()).body['status_code']).toBe('201');
  });

  it('error: may come with HTTP 200, as 900 does', async () => {
    const { charge } = await withFault({ fault: { kind: 'error', statusCode: '900' } });
    expect(await charge()).toMatchObject({ httpStatus: 200, body: { status_code: '900' } });
  });

  it('rate-limit: is a real 429', async () => {
    const { charge } = await withFault({ fault: { kind: 'rate-limit' } });
    expect(await charge()).toMatchObject({ httpStatus: 429, body: { status_code: '429' } });
  });

  it('timeout-after-success: the charge is done, its answer is lost, the idempotency key finds it', async () => {
    const { charge, simulator } = await withFault({ fault: { kind: 'timeout-after-success', holdMs: 20 } });
    await expect(charge({ 'idempotency-key': 'k' })).rejects.toThrow('fetch failed');
    const [transaction] = simulator.transactions.all();
    const { body } = await charge({ 'idempotency-key': 'k' });
    expect(body).toMatchObject({ status_code: '201', transaction_id: transaction?.transactionId });
  });

  it('connection-reset: before the charge, or after it', async () => {
    const { charge, control, simulator } = await withFault({ fault: { kind: 'connection-reset' } });
    await expect(charge()).rejects.toThrow('fetch failed');
    expect(simulator.transactions.all()).toHaveLength(0);
    await control('POST', '/simulator/faults', { fault: { kind: 'connection-reset', afterSuccess: true } });
    await expect(charge()).rejects.toThrow('fetch failed');
    expect(simulator.transactions.all()).toHaveLength(1);
  });

  it('matches by path, method, order and key, and only merchants', async () => {
    const { merchant, control, simulator } = await startSimulator();
    const fault = { kind: 'rate-limit' };
    const others = [
      { path: '/v2/*/cancel' },
      { method: 'GET' },
      { orderId: 'other' },
      { serverKey: 'SB-Mid-server-other' },
    ];
    for (const match of others) await control('POST', '/simulator/faults', { match, fault });
    expect((await merchant('POST', '/v2/charge', bankTransfer('mine'))).httpStatus).toBe(200);
    expect(simulator.faults.all()).toHaveLength(4);
    expect((await merchant('GET', '/v2/mine/status')).httpStatus).toBe(429);
    expect((await merchant('POST', '/v2/mine/cancel')).httpStatus).toBe(429);
    expect((await merchant('POST', '/v2/charge', bankTransfer('other'))).httpStatus).toBe(429);
    expect((await control('DELETE', '/simulator/faults')).httpStatus).toBe(204);
    expect((await control('GET', '/simulator/faults')).body).toEqual({ data: [] });
  });

  it('without an end happens until it is taken back', async () => {
    const { merchant, control } = await startSimulator();
    const entry = { match: { path: '/v2/*' }, times: null, fault: { kind: 'rate-limit' } };
    const { body } = await control('POST', '/simulator/faults', entry);
    expect(body).toEqual({ id: 1, match: entry.match, fault: entry.fault, remaining: null });
    for (let call = 0; call < 3; call++) expect((await merchant('GET', '/v2/x/status')).httpStatus).toBe(429);
    expect((await control('DELETE', '/simulator/faults/1')).httpStatus).toBe(204);
    expect((await control('DELETE', '/simulator/faults/1')).body).toMatchObject({ code: 'fault-not-found' });
    expect((await merchant('GET', '/v2/x/status')).httpStatus).toBe(200);
  });

  it.each([
    {},
    { fault: { kind: 'meteor' } },
    { fault: { kind: 'delay' } },
    { fault: { kind: 'rate-limit' }, times: 0 },
  ])('is refused when unclear: %j', async (entry) => {
    const { control } = await startSimulator();
    const { httpStatus, body, headers } = await control('POST', '/simulator/faults', entry);
    expect(httpStatus).toBe(400);
    expect(headers.get('content-type')).toContain('application/problem+json');
    expect(body).toMatchObject({ code: 'validation-failed', detail: expect.any(String) });
  });
});

describe('A scripted fault of a webhook', () => {
  it('duplicate: the same notification comes several times', async () => {
    const match = { transactionStatus: 'settlement' };
    const { charge, pay, endpoint } = await withFault({ match, fault: { kind: 'webhook-duplicate', copies: 2 } });
    await charge();
    await endpoint.arrived(1);
    const { body } = await pay();
    expect(endpoint.statuses()).toEqual(['pending', 'settlement', 'settlement', 'settlement']);
    expect(endpoint.received[3]?.body).toEqual(endpoint.received[1]?.body);
    expect(body['deliveries']).toHaveLength(3);
  });

  it('reorder: pending comes after settlement', async () => {
    const match = { transactionStatus: 'pending' };
    const { charge, pay, endpoint } = await withFault({ match, fault: { kind: 'webhook-reorder' } });
    await charge();
    await pay();
    expect(endpoint.statuses()).toEqual(['settlement', 'pending']);
  });

  it('drop: nothing comes, but the log knows', async () => {
    const { charge, pay, endpoint, control, orderId } = await withFault({ times: 2, fault: { kind: 'webhook-drop' } });
    await charge();
    expect((await pay()).body).toMatchObject({ deliveries: [{ state: 'dropped', attempts: [] }] });
    expect(endpoint.received).toHaveLength(0);
    const { body } = await control('GET', `/simulator/deliveries?orderId=${orderId}`);
    expect(body['data']).toHaveLength(2);
  });

  it('wrong-signature: everything but the signature is right', async () => {
    const match = { transactionStatus: 'settlement' };
    const { charge, pay, endpoint, orderId } = await withFault({ match, fault: { kind: 'webhook-wrong-signature' } });
    await charge();
    await endpoint.arrived(1);
    await pay();
    const right = signNotification({ orderId, statusCode: '200', grossAmount: '44000.00' }, serverKey);
    expect(endpoint.received[1]?.body['signature_key']).toMatch(/^[0-9a-f]{128}$/);
    expect(endpoint.received[1]?.body['signature_key']).not.toBe(right);
  });

  it('delay: it comes when that much time has passed', async () => {
    const match = { transactionStatus: 'settlement' };
    const { charge, pay, endpoint, advance } = await withFault({
      match,
      fault: { kind: 'webhook-delay', seconds: 600 },
    });
    await charge();
    await endpoint.arrived(1);
    expect((await pay()).body).toMatchObject({ deliveries: [{ state: 'waiting', attempts: [] }] });
    await advance(590);
    expect(endpoint.statuses()).toEqual(['pending']);
    await advance(11);
    expect(endpoint.statuses()).toEqual(['pending', 'settlement']);
  });
});
