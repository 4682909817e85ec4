import type { Principal } from '@tenantry/auth/principal.ts';
import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { newId } from '@tenantry/kernel/id.ts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BCA, openStory, PERMATA, QRIS, type Story } from './story.ts';
import type { Notification } from './webhook-relay.ts';

let story: Story;
let tenant: TenantRecord;
let customer: Principal;

beforeAll(async () => {
  story = await openStory();
  tenant = await story.world.addTenant();
  customer = story.world.principal(tenant.id, ['member']);
});
beforeEach(() => story.relay.hold(true));
afterEach(() => story.simulate('/faults', undefined, 'DELETE'));
afterAll(() => story.close());

/** A payment that was paid and of which the service has not heard; with all its notifications, oldest first. */
async function paidUnheard(method = BCA): Promise<{ id: `pay_${string}`; notifications: readonly Notification[] }> {
  const { id } = await story.pending(tenant, customer, method);
  await story.simulate('/pay', { orderId: id });
  const notifications = story.relay.notificationsOf(id);
  expect(notifications.map((body) => body['transaction_status'])).toEqual(['pending', 'settlement']);
  return { id, notifications };
}

const SETTLED_ONCE = ['payment-requested', 'payment-registered', 'payment-settled'];

describe('Notifications of the provider', () => {
  it('count once, however often they come', async () => {
    const { id, notifications } = await paidUnheard();
    const [, settlement] = notifications;
    for (let i = 0; i < 5; i++) expect((await story.notify(tenant.id, settlement ?? {})).status).toBe(200);
    expect(await story.read(customer, id)).toMatchObject({ status: 'settled' });
    expect(await story.events(id)).toEqual(SETTLED_ONCE);
  });

  it('count once when they come at the same time', async () => {
    const { id, notifications } = await paidUnheard();
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, i) => story.notify(tenant.id, notifications[i % 2] ?? {})),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 12 }, () => 200));
    expect(await story.events(id)).toEqual(SETTLED_ONCE);
  });

  it('lead to the same payment in every order', async () => {
    for (const order of [
      [0, 1],
      [1, 0],
      [1, 0, 1],
      [0, 1, 0],
    ]) {
      const { id, notifications } = await paidUnheard();
      for (const index of order) await story.notify(tenant.id, notifications[index] ?? {});
      expect(await story.read(customer, id)).toMatchObject({ status: 'settled' });
      expect(await story.events(id)).toEqual(SETTLED_ONCE);
    }
  });

  it('are only a reason to ask: a genuine signature under a false status changes nothing', async () => {
    const { id } = await story.pending(tenant, customer, BCA);
    const [pending] = story.relay.notificationsOf(id);
    const lie = { ...pending, transaction_status: 'settlement', fraud_status: 'accept' };
    expect((await story.notify(tenant.id, lie)).status).toBe(200);
    expect(await story.read(customer, id)).toMatchObject({ status: 'pending' });
  });

  it('with a forged signature are refused, whatever is wrong with it', async () => {
    const { id, notifications } = await paidUnheard();
    const genuine = notifications[1] ?? {};
    const forged = [
      { ...genuine, signature_key: '0'.repeat(128) },
      { ...genuine, signature_key: '' },
      { ...genuine, signature_key: `${genuine['signature_key']}0` },
      { ...genuine, gross_amount: '1.00' },
      { ...genuine, order_id: newId('pay') },
    ];
    for (const body of forged) {
      expect(await story.notify(tenant.id, body)).toMatchObject({ status: 403, body: { code: 'webhook-refused' } });
    }
    expect(await story.read(customer, id)).toMatchObject({ status: 'pending' });
  });

  it('on the path of another tenant are refused, and give it no credentials', async () => {
    const { id, notifications } = await paidUnheard();
    const configured = await story.world.addTenant();
    await story.pending(configured, story.world.principal(configured.id, ['member']), BCA);
    for (const tenantId of [configured.id, newId('ten')]) {
      const answer = await story.notify(tenantId, notifications[1] ?? {});
      expect(answer).toMatchObject({ status: 403, body: { code: 'webhook-refused' } });
    }
    expect(await story.read(customer, id)).toMatchObject({ status: 'pending' });
  });

  it('of an order that is not ours are unknown', async () => {
    const { notifications } = await paidUnheard();
    const own = notifications[1] ?? {};
    const transactions = await story.transactions(own['order_id'] ?? '');
    const serverKey = String(transactions[0]?.['server_key']);
    // Somebody charges by hand, with the tenant's key, outside of this system.
    const orderId = `invoice-${newId('inv')}`;
    await fetch(`${story.world.midtransUrl}/v2/charge`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(`${serverKey}:`).toString('base64')}`,
        'content-type': 'application/json',
        'x-override-notification': `${story.relay.url}/elsewhere`,
      },
      body: JSON.stringify({
        payment_type: 'bank_transfer',
        transaction_details: { order_id: orderId, gross_amount: 10_000 },
        bank_transfer: { bank: 'bca' },
      }),
    });
    await story.simulate('/pay', { orderId });
    const [foreign] = story.relay.notificationsOf(orderId);
    expect(await story.notify(tenant.id, foreign ?? {})).toMatchObject({ status: 404, body: { code: 'not-found' } });
  });

  it('are asked for again when the provider cannot be asked, and then count', async () => {
    const { id, notifications } = await paidUnheard();
    await story.simulate('/faults', {
      match: { orderId: id, method: 'GET' },
      times: 3,
      fault: { kind: 'error', statusCode: '503' },
    });
    const answer = await story.notify(tenant.id, notifications[1] ?? {});
    expect(answer).toMatchObject({ status: 503, body: { code: 'upstream-unavailable' } });
    expect(answer.headers.get('retry-after')).not.toBeNull();
    expect(await story.read(customer, id)).toMatchObject({ status: 'pending' });
    expect((await story.notify(tenant.id, notifications[1] ?? {})).status).toBe(200);
    expect(await story.read(customer, id)).toMatchObject({ status: 'settled' });
  });

  it('without what they must have are not notifications', async () => {
    const answer = await story.notify(tenant.id, { account_id: 'a', account_status: 'ENABLED' });
    expect(answer).toMatchObject({ status: 400, body: { code: 'validation-failed' } });
  });

  it('tell of what follows the money: a reversal, a chargeback', async () => {
    story.relay.hold(false);
    const reversed = await story.settled(tenant, customer, PERMATA);
    await story.simulate('/reverse', { orderId: reversed.id });
    await story.becomes(customer, reversed.id, 'reversed');
    const chargedBack = await story.settled(tenant, customer, QRIS);
    await story.simulate('/chargeback', { orderId: chargedBack.id });
    await story.becomes(customer, chargedBack.id, 'charged_back');
  });

  it('of a refusal and of an expiry end the payment', async () => {
    story.relay.hold(false);
    const denied = await story.pending(tenant, customer, QRIS);
    await story.simulate('/deny', { orderId: denied.id });
    await story.becomes(customer, denied.id, 'denied');
    const expired = await story.pending(tenant, customer, BCA);
    await story.simulate('/expire', { orderId: expired.id });
    await story.becomes(customer, expired.id, 'expired');
  });
});
