import { newId, type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import { tenantCreated } from '@tenantry/users/contract/events.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { ensurePlans } from '../use-cases/ensure-plans.ts';
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

const rowsOf = async (tenantId: TenantId) => {
  const [counts] = await story.world.sql<{ plans: number; prices: number; features: number }>(
    `select (select count(*)::int from subscriptions.plans where tenant_id = $1) as plans,
            (select count(*)::int from subscriptions.plan_prices where tenant_id = $1) as prices,
            (select count(*)::int from subscriptions.plan_features where tenant_id = $1) as features`,
    [uuidOf(tenantId)],
  );
  return counts;
};
const ONE_CATALOGUE = { plans: 3, prices: 5, features: 15 };

describe('The plans of a new tenant', () => {
  it('are made once, however many look at the same instant', async () => {
    const tenantId = newId('ten');
    const looks = Array.from({ length: 12 }, () => databases.withTenant(tenantId, (uow) => ensurePlans(uow, 'USD')));
    const seen = (await Promise.all(looks)).map((plans) => plans.map(({ id }) => id).join());
    expect(new Set(seen).size).toBe(1);
    expect(await rowsOf(tenantId)).toEqual(ONE_CATALOGUE);
  });

  it('are there before anybody looks, once the tenant has been told of', async () => {
    const tenant = await story.world.addTenant();
    await eventually(async () => {
      // The record's push and the event come by different ways; without the record the first use makes the plans.
      await story.world.publish(tenantCreated, tenant.id, {
        subject: tenant.id,
        version: 1,
        data: { tenantId: tenant.id },
      });
      expect(await rowsOf(tenant.id)).toEqual(ONE_CATALOGUE);
    });
    const user = story.world.principal(tenant.id, ['member']);
    await story.planId(user, 'pro');
    expect(await rowsOf(tenant.id)).toEqual(ONE_CATALOGUE);
  });
});
