import { canonicalJson } from '@tenantry/kernel/canonical-json.ts';
import { uuidOf } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cancelSubscription } from '../contract/subscriptions.ts';
import { rebuildSubscriptions } from '../use-cases/rebuild-subscriptions.ts';
import { openDatabasesOf, openSubscriptionsWorld, toldOf } from './subscriptions-world.ts';

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

describe('Replaying the streams', () => {
  it('gives every row again, byte for byte, also from nothing', async () => {
    const tenant = await story.addTenant();
    const people = Array.from({ length: 5 }, () => story.world.principal(tenant.id, ['member']));
    const [waiting, active, ending, reversed, gone] = people as [
      (typeof people)[0],
      (typeof people)[0],
      (typeof people)[0],
      (typeof people)[0],
      (typeof people)[0],
    ];
    await story.subscribe(waiting);
    await story.activate(tenant, active, 'enterprise');
    const scheduled = await story.activate(tenant, ending);
    await story.world.call(
      cancelSubscription,
      { params: { subscriptionId: scheduled.subscriptionId }, body: { at: 'period-end' } },
      ending,
    );
    const takenBack = await story.activate(tenant, reversed);
    await story.reversed(tenant.id, takenBack);
    await story.untilStatus(reversed, takenBack.subscriptionId, 'past_due');
    const expired = toldOf((await story.subscribe(gone)).body);
    await story.voided(tenant.id, expired);
    await story.untilStatus(gone, expired.subscriptionId, 'incomplete_expired');
    const withdrawn = toldOf((await story.subscribe(gone)).body);
    const params = { subscriptionId: withdrawn.subscriptionId };
    await story.world.call(cancelSubscription, { params, body: { at: 'now' } }, gone);
    await story.activate(tenant, gone, 'free').catch(() => undefined);

    const rows = async (): Promise<string> =>
      canonicalJson(
        await story.world.sql('select s::text from subscriptions.subscriptions s where tenant_id = $1 order by id', [
          uuidOf(tenant.id),
        ]),
      );
    const before = await rows();
    expect(await rebuildSubscriptions({ databases })(tenant.id)).toMatchObject({ streams: 7 });
    expect(await rows()).toBe(before);
    await story.world.sql('delete from subscriptions.subscriptions where tenant_id = $1', [uuidOf(tenant.id)]);
    await rebuildSubscriptions({ databases })(tenant.id);
    expect(await rows()).toBe(before);
  });

  it('never puts an older version over a newer one', async () => {
    const tenant = await story.addTenant();
    const user = story.world.principal(tenant.id, ['member']);
    const told = await story.activate(tenant, user);
    await story.world.sql(
      "update subscriptions.subscriptions set version = version + 1, status = 'canceled' where id = $1",
      [uuidOf(told.subscriptionId)],
    );
    await rebuildSubscriptions({ databases })(tenant.id);
    expect((await story.read(user, told.subscriptionId)).status).toBe('canceled');
  });
});
