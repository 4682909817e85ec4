import type { UserId } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readEntitlements } from '../contract/entitlements.ts';
import { listPlans, readPlan } from '../contract/plans.ts';
import { cancelSubscription, listSubscriptions, readSubscription } from '../contract/subscriptions.ts';
import { openSubscriptionsWorld, problemOf } from './subscriptions-world.ts';

let story: Awaited<ReturnType<typeof openSubscriptionsWorld>>;
beforeAll(async () => {
  story = await openSubscriptionsWorld();
});
afterAll(() => story?.close());

const subscribed = async () => {
  const tenant = await story.addTenant();
  const user = story.world.principal(tenant.id, ['member']);
  return { tenant, user, told: await story.activate(tenant, user) };
};

describe('A subscription', () => {
  it('is there for its subscriber and for who reaches the tenant, and for nobody else', async () => {
    const { tenant, user, told } = await subscribed();
    const params = { subscriptionId: told.subscriptionId };
    const statusFor = async (principal: Parameters<typeof story.read>[0]) =>
      (await story.world.call(readSubscription, { params }, principal)).status;
    const elsewhere = await story.addTenant();
    expect(await statusFor(user)).toBe(200);
    for (const role of ['billing', 'admin', 'owner'])
      expect(await statusFor(story.world.principal(tenant.id, [role]))).toBe(200);
    expect(await statusFor(story.world.principal(tenant.id, ['member']))).toBe(404);
    expect(await statusFor(story.world.principal(elsewhere.id, ['owner']))).toBe(404);
    expect(await statusFor(story.world.principal(elsewhere.id, ['owner'], user.id as UserId))).toBe(404);
    expect(await statusFor(story.world.principal(tenant.id, []))).toBe(403);
  });

  it('out of reach answers exactly as one that does not exist', async () => {
    const { tenant, told } = await subscribed();
    const colleague = story.world.principal(tenant.id, ['member']);
    const at = async (subscriptionId: typeof told.subscriptionId) => {
      const answer = await story.world.call(readSubscription, { params: { subscriptionId } }, colleague);
      const { traceId: _trace, instance: _instance, detail, ...rest } = problemOf(answer);
      return { ...rest, detail: String(detail).replace(subscriptionId, '…') };
    };
    expect(await at(told.subscriptionId)).toEqual(await at('sub_01h455vb4pex5vsknk084sn02q'));
  });

  it('is canceled by nobody out of reach', async () => {
    const { tenant, user, told } = await subscribed();
    const elsewhere = await story.addTenant();
    const input = { params: { subscriptionId: told.subscriptionId }, body: { at: 'now' as const } };
    for (const principal of [
      story.world.principal(tenant.id, ['member']),
      story.world.principal(elsewhere.id, ['owner']),
    ])
      expect((await story.world.call(cancelSubscription, input, principal)).status).toBe(404);
    expect((await story.read(user, told.subscriptionId)).status).toBe('active');
    const byAdmin = await story.world.call(cancelSubscription, input, story.world.principal(tenant.id, ['admin']));
    expect(byAdmin).toMatchObject({ status: 200, body: { status: 'canceled' } });
  });

  it('is listed to its subscriber, and to who reaches the tenant with the others, newest first', async () => {
    const { tenant, user, told } = await subscribed();
    const colleague = story.world.principal(tenant.id, ['member']);
    const later = await story.activate(tenant, colleague);
    const idsFor = async (principal: Parameters<typeof story.read>[0], query = {}) => {
      const { body } = await story.world.call(listSubscriptions, { query }, principal);
      return { ids: body.data.map(({ id }) => id), cursor: body.nextCursor };
    };
    expect((await idsFor(user)).ids).toEqual([told.subscriptionId]);
    const admin = story.world.principal(tenant.id, ['admin']);
    expect((await idsFor(admin)).ids).toEqual([later.subscriptionId, told.subscriptionId]);
    const first = await idsFor(admin, { limit: 1 });
    expect(first.ids).toEqual([later.subscriptionId]);
    expect(await idsFor(admin, { limit: 1, cursor: first.cursor })).toEqual({
      ids: [told.subscriptionId],
      cursor: null,
    });
    expect((await idsFor(story.world.principal((await story.addTenant()).id, ['owner']))).ids).toEqual([]);
  });
});

describe('Plans', () => {
  it('are each tenant’s own copies, in its currency, cheapest first', async () => {
    const rupiah = await story.addTenant();
    const dollars = await story.addTenant({ currency: 'USD' });
    const plansOf = async (tenantId: typeof rupiah.id) =>
      (await story.world.call(listPlans, {}, story.world.principal(tenantId, ['member']))).body.data;
    const [ours, theirs] = [await plansOf(rupiah.id), await plansOf(dollars.id)];
    expect(ours.map(({ slug }) => slug)).toEqual(['free', 'pro', 'enterprise']);
    expect(ours[1]?.prices).toEqual([
      { amount: '150000', currency: 'IDR', interval: 'month' },
      { amount: '1500000', currency: 'IDR', interval: 'year' },
    ]);
    expect(theirs[1]?.prices[0]).toEqual({ amount: '10.00', currency: 'USD', interval: 'month' });
    expect(ours[1]?.features[0]).toEqual({ feature: 'api-calls', kind: 'quota', value: 1_000 });
    expect(ours.map(({ id }) => id).some((id) => theirs.some((plan) => plan.id === id))).toBe(false);
    const planId = theirs[1]?.id ?? 'pln_01h455vb4pex5vsknk084sn02q';
    const answer = await story.world.call(
      readPlan,
      { params: { planId } },
      story.world.principal(rupiah.id, ['owner']),
    );
    expect(answer.status).toBe(404);
    const own = await story.world.call(readPlan, { params: { planId } }, story.world.principal(dollars.id, ['member']));
    expect(own.body).toEqual(theirs[1]);
  });
});

describe('Every row', () => {
  it('is out of reach of the application without its tenant', async () => {
    await subscribed();
    const tables = await story.world.sql<{ name: string; forced: boolean }>(
      `select relname as name, relforcerowsecurity as forced from pg_class
       where relnamespace = 'subscriptions'::regnamespace and relkind = 'r'
         and relname not in ('outbox', 'inbox', 'due', 'lookups', 'name_claims', 'migrations')`,
    );
    expect(tables.length).toBeGreaterThanOrEqual(10);
    expect(tables.filter(({ forced }) => !forced)).toEqual([]);
  });

  it('of entitlements needs the permission', async () => {
    const tenant = await story.addTenant();
    const nobody = story.world.principal(tenant.id, []);
    expect((await story.world.call(readEntitlements, {}, nobody)).status).toBe(403);
    expect((await story.world.call(readEntitlements, {}, null)).status).toBe(401);
  });
});
