import { newId, uuidOf } from '@tenantry/kernel/id.ts';
import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { catalogueChanged } from '../contract/events.ts';
import { readPlan } from '../contract/plans.ts';
import { createTenantPlans } from '../use-cases/tenant-plans.ts';
import { openDatabasesOf, openSubscriptionsWorld } from './subscriptions-world.ts';

let story: Awaited<ReturnType<typeof openSubscriptionsWorld>>;
let databases: ReturnType<typeof openDatabasesOf>;
beforeAll(async () => {
  story = await openSubscriptionsWorld();
  databases = openDatabasesOf(story.world);
});
afterAll(async () => {
  await databases?.close();
  await story?.close();
});

/** The same databases, with a count of the reads, and a way to fail. */
function watched() {
  const watch = { reads: 0, isAway: false };
  const { withTenant } = databases;
  const read: typeof withTenant.read = async (tenantId, work) => {
    watch.reads += 1;
    if (watch.isAway) throw upstreamUnavailable('away');
    return withTenant.read(tenantId, work);
  };
  const watching: typeof withTenant = Object.assign((...args: Parameters<typeof withTenant>) => withTenant(...args), {
    read,
  }) as typeof withTenant;
  return { watch, withTenant: watching };
}

describe('The plans of a tenant in memory', () => {
  it('are read once for many who ask at one instant, each tenant’s by itself', async () => {
    const { watch, withTenant } = watched();
    const plans = createTenantPlans({ withTenant });
    const [one, other] = [newId('ten'), newId('ten')];
    const seen = await Promise.all(
      [one, other].flatMap((tenantId) => Array.from({ length: 20 }, () => plans.of(tenantId, 'USD'))),
    );
    expect(watch.reads).toBe(2);
    const ids = seen.map((list) => list.map(({ id }) => id).join());
    expect(new Set(ids.slice(0, 20)).size).toBe(1);
    expect(new Set(ids).size).toBe(2);
    const rows = await story.world.sql<{ id: string }>('select id from subscriptions.plans where tenant_id = $1', [
      uuidOf(one),
    ]);
    expect(new Set(seen[0]?.map(({ id }) => uuidOf(id)))).toEqual(new Set(rows.map(({ id }) => id)));
  });

  it('are not remembered as missing when they could not be read', async () => {
    const { watch, withTenant } = watched();
    const plans = createTenantPlans({ withTenant });
    const tenantId = newId('ten');
    watch.isAway = true;
    await expect(plans.of(tenantId, 'USD')).rejects.toThrow('away');
    watch.isAway = false;
    expect(await plans.of(tenantId, 'USD')).toHaveLength(3);
    watch.isAway = true;
    expect(await plans.of(tenantId, 'USD')).toHaveLength(3);
  });

  it('never hold up what they do not tell: who is on which plan, and what is used', async () => {
    const tenant = await story.addTenant();
    const user = story.world.principal(tenant.id, ['member']);
    await story.consume(user, 2);
    expect(await story.entitlements(user)).toMatchObject({ planSlug: 'free', usage: [{ limit: 100, used: 2 }] });
    await story.activate(tenant, user, 'pro');
    // Right after the subscription itself says so.
    expect(await story.entitlements(user)).toMatchObject({ planSlug: 'pro', usage: [{ limit: 1_000, used: 0 }] });
    expect((await story.consume(user, 1_000)).status).toBe(200);
    expect(await story.entitlements(user)).toMatchObject({ usage: [{ used: 1_000, remaining: 0 }] });
    expect((await story.consume(user, 1)).status).toBe(403);
  });

  it('that were made since are found in the database', async () => {
    const tenant = await story.addTenant();
    const user = story.world.principal(tenant.id, ['member']);
    const told = await story.activate(tenant, user, 'pro');
    const added = newId('pln');
    const own = [uuidOf(tenant.id), uuidOf(added)];
    await story.world.sql(
      `insert into subscriptions.plans (tenant_id, id, slug, name, position, created_at)
       values ($1, $2, 'special', 'Special', 9, now())`,
      own,
    );
    await story.world.sql(
      `insert into subscriptions.plan_features (tenant_id, plan_id, feature, kind, value, position)
       values ($1, $2, 'api-calls', 'quota', '5', 0)`,
      own,
    );
    await story.world.sql('update subscriptions.subscriptions set plan_id = $2 where tenant_id = $1 and id = $3', [
      ...own,
      uuidOf(told.subscriptionId),
    ]);
    expect(await story.entitlements(user)).toMatchObject({ usage: [{ feature: 'api-calls', limit: 5, used: 0 }] });
    expect((await story.consume(user, 5)).status).toBe(200);
    expect((await story.consume(user, 1)).status).toBe(403);
    expect((await story.world.call(readPlan, { params: { planId: added } }, user)).status).toBe(200);
  });

  it('are dropped in every process when they are told to have changed', async () => {
    const tenant = await story.addTenant();
    const user = story.world.principal(tenant.id, ['member']);
    expect(await story.entitlements(user)).toMatchObject({ planSlug: 'free', usage: [{ limit: 100 }] });
    const change = (limit: number) =>
      story.world.sql(
        `update subscriptions.plan_features set value = $2 where tenant_id = $1 and kind = 'quota'
         and plan_id = (select id from subscriptions.plans where tenant_id = $1 and slug = 'free')`,
        [uuidOf(tenant.id), limit],
      );
    // Nobody has heard of it: what is kept counts for a while. Not yet where the making of the plans has just been told.
    let limit = 7;
    await eventually(async () => {
      limit += 1;
      await change(limit);
      expect(await story.entitlements(user)).not.toMatchObject({ usage: [{ limit }] });
    });
    await story.world.publish(catalogueChanged, tenant.id, {
      subject: tenant.id,
      version: 0,
      data: { tenantId: tenant.id },
    });
    // Long before it would have been read anew by itself.
    await eventually(async () => expect(await story.entitlements(user)).toMatchObject({ usage: [{ limit }] }));
  });
});
