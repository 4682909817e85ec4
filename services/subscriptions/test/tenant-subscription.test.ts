import type { Principal } from '@tenantry/auth/principal.ts';
import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { PLATFORM_TENANT_ID, uuidOf } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import {
  cancelTenantSubscription,
  listTenantPlans,
  orderTenantSubscription,
  readTenantSubscription,
} from '../contract/tenant-subscription.ts';
import { rebuildSubscriptions } from '../use-cases/rebuild-subscriptions.ts';
import { BANK_TRANSFER, openDatabasesOf, openSubscriptionsWorld, problemOf, toldOf } from './subscriptions-world.ts';

type World = Awaited<ReturnType<typeof openSubscriptionsWorld>>;
let all: World;
let tenant: TenantRecord;
let owner: Principal;

beforeAll(async () => {
  all = await openSubscriptionsWorld();
  await all.addTenant({ id: PLATFORM_TENANT_ID, slug: 'platform', name: 'Tenantry' });
});
beforeEach(async () => {
  tenant = await all.addTenant();
  owner = all.world.principal(tenant.id, ['owner']);
});
afterAll(() => all.close());

async function order(slug: string, key: string, by = owner) {
  const plans = await all.world.call(listTenantPlans, {}, by);
  const planId = plans.body.data.find((plan) => plan.slug === slug)?.id;
  if (planId === undefined) throw new Error(`no plan ${slug}`);
  const body = { planId, ...(slug === 'free' ? {} : { paymentMethod: BANK_TRANSFER }) };
  return all.world.call(orderTenantSubscription, { body }, by, { idempotencyKey: key });
}
const read = async () => (await all.world.call(readTenantSubscription, {}, owner)).body;
const cancel = (at: 'now' | 'period-end') => all.world.call(cancelTenantSubscription, { body: { at } }, owner);

describe('What a tenant orders from the platform', () => {
  it('costs nothing when it is free, and is active at once', async () => {
    const { status, body } = await order('free', 'free');
    expect(status).toBe(201);
    expect(body).toMatchObject({ status: 'active', planSlug: 'free', subscriberId: tenant.id, payment: null });
    expect((await cancel('now')).body).toMatchObject({ status: 'canceled' });
    expect((await cancel('now')).status).toBe(409);
    expect(await read()).toMatchObject({ id: body.id, status: 'canceled' });
  });

  it('is asked to be paid for by itself where billing was away, under the same ids', async () => {
    all.billing.be('down');
    try {
      expect(problemOf(await order('pro', 'first')).code).toBe('upstream-unavailable');
    } finally {
      all.billing.be('pending');
    }
    const waiting = await read();
    expect(waiting).toMatchObject({ status: 'incomplete', subscriberId: tenant.id });
    all.world.clock.advance({ minutes: 1 });
    await eventually(async () => {
      const asked = all.billing.requests.filter(({ invoiceId }) => invoiceId === waiting.latestInvoiceId);
      expect(asked.at(-1)?.body).toMatchObject({ customerId: tenant.id, subscriptionId: waiting.id, purpose: 'order' });
    });
    const again = await order('pro', 'first');
    expect(again).toMatchObject({ status: 201, body: { id: waiting.id, payment: { status: 'pending' } } });
    expect(all.billing.contradictions).toEqual([]);
    await all.paid(PLATFORM_TENANT_ID, toldOf(waiting));
    await eventually(async () => expect((await read()).status).toBe('active'));
    expect((await cancel('period-end')).body).toMatchObject({ status: 'active', cancelAtPeriodEnd: true });
  });

  it('shows what lives, though something younger has ended', async () => {
    const first = (await order('pro', 'one')).body;
    await cancel('now');
    const second = (await order('pro', 'two')).body;
    await cancel('now');
    expect(await read()).toMatchObject({ id: second.id, status: 'incomplete_expired' });
    // The money for the first order came after all.
    await all.paid(PLATFORM_TENANT_ID, toldOf(first), 9);
    await eventually(async () => expect(await read()).toMatchObject({ id: first.id, status: 'active' }));
  });

  it('is the same after a rebuild', async () => {
    await order('free', 'rebuilt');
    const rows = () =>
      all.world.sql('select * from subscriptions.subscriptions where tenant_id = $1 order by id', [
        uuidOf(PLATFORM_TENANT_ID),
      ]);
    const before = await rows();
    await all.world.sql(`update subscriptions.subscriptions set subscriber_kind = 'usr' where tenant_id = $1`, [
      uuidOf(PLATFORM_TENANT_ID),
    ]);
    const databases = openDatabasesOf(all.world);
    try {
      await rebuildSubscriptions({ databases })(PLATFORM_TENANT_ID);
    } finally {
      await databases.close();
    }
    expect(await rows()).toEqual(before);
  });
});
