import { describe, expect, it } from 'vitest';
import type { SimulatorOptions } from '../app.ts';
import {
  bankTransfer,
  freshOrderId,
  listen,
  listOf,
  serverKey,
  startMerchantEndpoint,
  startSimulator,
} from './harness.ts';

async function withEndpoint(statusFor: Parameters<typeof startMerchantEndpoint>[0], options: SimulatorOptions = {}) {
  const endpoint = await startMerchantEndpoint(statusFor);
  const running = await startSimulator({ random: () => 0.5, ...options }); // 0.5: no shift
  await running.control('POST', '/simulator/merchants', { serverKey, notificationUrl: endpoint.url });
  const orderId = freshOrderId();
  const charge = () => running.merchant('POST', '/v2/charge', bankTransfer(orderId));
  const deliveries = async () =>
    listOf((await running.control('GET', `/simulator/deliveries?orderId=${orderId}`)).body, 'data');
  return { ...running, endpoint, orderId, charge, deliveries };
}

const minutes = (count: number): number => count * 60;

describe('Retries', () => {
  it('follow the documented gaps until an answer is 2xx', async () => {
    const answers = [502, 502, 502, 502, 502, 200];
    const { charge, endpoint, advance, deliveries } = await withEndpoint(() => answers.shift() ?? 200);
    await charge();
    await endpoint.arrived(1);
    for (const [index, gap] of [2, 10, 30, 90, 210].entries()) {
      await advance(minutes(gap) - (index === 0 ? 30 : 40)); // ten seconds have passed since the last attempt
      expect(endpoint.received).toHaveLength(index + 1);
      await advance(40);
      expect(endpoint.received).toHaveLength(index + 2);
    }
    expect(await deliveries()).toMatchObject([{ state: 'delivered', retriesDone: 5, nextAttemptAt: null }]);
    expect(new Set(endpoint.received.map((item) => JSON.stringify(item.body))).size).toBe(1);
    await advance(minutes(10_000)); // the expiry of the order is told too, and nothing else
    expect(endpoint.statuses().slice(6)).toEqual(['expire']);
  });

  it.each([
    [500, 1],
    [503, 4],
    [400, 2],
    [404, 2],
    [302, 0],
    [418, 5],
  ])('after answers of %i: %i more attempts', async (httpStatus, retries) => {
    const { charge, endpoint, advance, deliveries } = await withEndpoint(() => httpStatus);
    await charge();
    await advance(minutes(400));
    expect(endpoint.received).toHaveLength(1 + retries);
    expect(await deliveries()).toMatchObject([{ state: 'exhausted', retriesDone: retries }]);
  });

  it('count a timeout and a refused connection like any other failure', async () => {
    const silent = await listen(() => undefined);
    const closed = await startSimulator();
    await closed.app.close();
    for (const [url, kind, webhookTimeoutMs] of [
      [silent, 'timeout', 50],
      [closed.baseUrl, 'connection-failure', 15_000],
    ] as const) {
      const running = await startSimulator({ random: () => 0.5, webhookTimeoutMs });
      const orderId = freshOrderId();
      await running.merchant('POST', '/v2/charge', bankTransfer(orderId), { 'x-override-notification': url });
      await running.advance(minutes(400));
      const { body } = await running.control('GET', `/simulator/deliveries?orderId=${orderId}`);
      const [delivery] = listOf(body, 'data');
      expect(delivery).toMatchObject({ state: 'exhausted', retriesDone: 5 });
      expect(listOf(delivery ?? {}, 'attempts').map((attempt) => attempt['outcome'])).toMatchObject(
        Array(6).fill({ kind }),
      );
    }
  });

  it('are shifted at random unless that is switched off', async () => {
    const { charge, endpoint, advance } = await withEndpoint(() => 500, { random: () => 0 }); // the earliest
    await charge();
    await advance(40);
    expect(endpoint.received).toHaveLength(2);
  });

  it('come exactly on time when the shift is switched off', async () => {
    const { charge, endpoint, advance, control } = await withEndpoint(() => 500, { random: () => 0 });
    await control('POST', '/simulator/settings', { retryJitter: false });
    await charge();
    await advance(110);
    expect(endpoint.received).toHaveLength(1);
    await advance(11);
    expect(endpoint.received).toHaveLength(2);
  });
});

describe('Redirects', () => {
  it.each([307, 308] as const)('of %i are followed with the same body', async (status) => {
    const target = await startMerchantEndpoint();
    const { charge, advance, deliveries } = await withEndpoint(() => ({ status, location: target.url }));
    await charge();
    await target.arrived(1);
    await advance(0);
    expect(target.received[0]?.body).toMatchObject({ transaction_status: 'pending' });
    expect(await deliveries()).toMatchObject([{ state: 'delivered', attempts: [{ redirectedTo: [target.url] }] }]);
  });

  it('are followed five times, relative addresses included, not six', async () => {
    const hopsWanted = async (hops: number) => {
      const { charge, advance, endpoint, deliveries } = await withEndpoint(({ path }) => {
        const hop = Number(new URL(path, 'http://x').searchParams.get('hop'));
        return hop < hops ? { status: 308, location: `/hook?hop=${hop + 1}` } : 200;
      });
      await charge();
      await advance(0);
      return { requests: endpoint.received.length, state: (await deliveries())[0]?.['state'] };
    };
    expect(await hopsWanted(5)).toEqual({ requests: 6, state: 'delivered' });
    expect(await hopsWanted(6)).toEqual({ requests: 6, state: 'waiting' });
  });
});

describe('Where notifications go', () => {
  it('override replaces the configured address, append adds to it, and override wins', async () => {
    const [configured, one, two] = await Promise.all([1, 2, 3].map(() => startMerchantEndpoint()));
    if (!configured || !one || !two) throw new Error('three endpoints');
    const { merchant, control, advance } = await startSimulator();
    await control('POST', '/simulator/merchants', { serverKey, notificationUrl: configured.url });
    const counts = async (headers: Record<string, string>) => {
      const before = [configured, one, two].map(({ received }) => received.length);
      await merchant('POST', '/v2/charge', bankTransfer(), headers);
      await advance(0);
      return [configured, one, two].map(({ received }, index) => received.length - (before[index] ?? 0));
    };
    expect(await counts({})).toEqual([1, 0, 0]);
    expect(await counts({ 'x-override-notification': `${one.url}, ${two.url}` })).toEqual([0, 1, 1]);
    expect(await counts({ 'x-append-notification': one.url })).toEqual([1, 1, 0]);
    expect(await counts({ 'x-override-notification': two.url, 'x-append-notification': one.url })).toEqual([0, 0, 1]);
    expect(await counts({ 'x-override-notification': [one, one, one, two].map((e) => e.url).join(',') })).toEqual([
      0, 3, 0,
    ]);
  });

  it('an override holds for everything that happens to the transaction later', async () => {
    const endpoint = await startMerchantEndpoint();
    const { merchant, control } = await startSimulator();
    const orderId = freshOrderId();
    await merchant('POST', '/v2/charge', bankTransfer(orderId), { 'x-override-notification': endpoint.url });
    await endpoint.arrived(1);
    await control('POST', '/simulator/pay', { orderId });
    expect(endpoint.statuses()).toEqual(['pending', 'settlement']);
  });

  it('nowhere, when the merchant configured nothing', async () => {
    const { merchant, control } = await startSimulator();
    await merchant('POST', '/v2/charge', bankTransfer('silent'));
    const { body } = await control('POST', '/simulator/pay', { orderId: 'silent' });
    expect(body).toMatchObject({ transaction: { transaction_status: 'settlement' }, deliveries: [] });
  });
});

describe('Redelivering', () => {
  it('sends the same body again and ends the retries when it is taken', async () => {
    const answers = [500, 200];
    const { charge, endpoint, control, advance, deliveries } = await withEndpoint(() => answers.shift() ?? 200);
    await charge();
    await advance(0);
    const [waiting] = await deliveries();
    expect(waiting).toMatchObject({ state: 'waiting' });
    const { body } = await control('POST', `/simulator/deliveries/${waiting?.['id']}/redeliver`);
    expect(body).toMatchObject({ state: 'delivered', attempts: [{ trigger: 'first' }, { trigger: 'redeliver' }] });
    expect(endpoint.received[1]?.body).toEqual(endpoint.received[0]?.body);
    await advance(minutes(60));
    expect(endpoint.received).toHaveLength(2);
  });

  it('of an unknown delivery is 404', async () => {
    const { control } = await startSimulator();
    const { httpStatus, body } = await control('POST', '/simulator/deliveries/none/redeliver');
    expect([httpStatus, body['code']]).toEqual([404, 'not-found']);
  });
});
