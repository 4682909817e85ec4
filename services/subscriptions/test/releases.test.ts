import type { Principal } from '@tenantry/auth/principal.ts';
import { type Id, newId, type SubscriptionId, type UserId, uuidOf } from '@tenantry/kernel/id.ts';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { readUsage } from '../contract/entitlements.ts';
import { usageReleased } from '../contract/events.ts';
import { cancelSubscription } from '../contract/subscriptions.ts';
import { countUse, releaseUse } from '../contract/uses.ts';
import { openSubscriptionsWorld, problemOf } from './subscriptions-world.ts';

let story: Awaited<ReturnType<typeof openSubscriptionsWorld>>;
beforeAll(async () => {
  story = await openSubscriptionsWorld();
});
afterAll(() => story?.close());

const newcomer = async () => {
  const tenant = await story.addTenant();
  return { tenant, user: story.world.principal(tenant.id, ['member']) };
};
type Who = Pick<Principal, 'tenantId' | 'id'>;
const feature = 'api-calls';
const count = (user: Who, usageId: Id<'usg'>, amount = 1) =>
  story.world.callAsService(
    'gateway',
    countUse,
    { params: { usageId }, body: { subscriberId: user.id as UserId, feature, amount } },
    user.tenantId,
  );
const release = (user: Who, usageId: Id<'usg'>) =>
  story.world.callAsService(
    'gateway',
    releaseUse,
    { params: { usageId }, body: { subscriberId: user.id as UserId, feature } },
    user.tenantId,
  );
/** What the counter says and what the records come to: two ways to the same number. */
const usedBy = async ({ id }: Who) => {
  const [row] = await story.world.sql<{ counted: number; recorded: number }>(
    `select (select coalesce(sum(used), 0)::int from subscriptions.usage_counters where subscriber_id = $1) as counted,
            (select coalesce(sum(amount), 0)::int from subscriptions.usage_records where subscriber_id = $1) as recorded`,
    [uuidOf(id as UserId)],
  );
  return row;
};

describe('A use that came to nothing', () => {
  it('is given back, and told', async () => {
    const { user } = await newcomer();
    const [kept, given] = [newId('usg'), newId('usg')];
    expect((await count(user, kept, 3)).body).toMatchObject({ used: 3, remaining: 97 });
    expect((await count(user, given, 20)).body).toMatchObject({ used: 23 });
    expect((await release(user, given)).status).toBe(204);
    expect(await story.entitlements(user)).toMatchObject({ usage: [{ used: 3, remaining: 97 }] });
    expect(await usedBy(user)).toEqual({ counted: 3, recorded: 3 });
    const event = await story.world.heard(usageReleased, ({ data }) => data.usageId === given);
    expect(event.data).toMatchObject({ subscriberId: user.id, feature, amount: 20 });
  });

  it('makes room for another', async () => {
    const { user } = await newcomer();
    const all = newId('usg');
    expect((await count(user, all, 100)).status).toBe(200);
    const refused = await count(user, newId('usg'));
    expect([refused.status, problemOf(refused).code]).toEqual([403, 'quota-exceeded']);
    await release(user, all);
    expect((await count(user, newId('usg'), 100)).body).toMatchObject({ used: 100, remaining: 0 });
  });

  it('is given back once, however often and at how many places at once it is asked for', async () => {
    const { user } = await newcomer();
    const usageId = newId('usg');
    await count(user, newId('usg'), 10);
    await count(user, usageId, 5);
    const answers = await Promise.all(Array.from({ length: 12 }, () => release(user, usageId)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([204]));
    await release(user, usageId);
    expect(await usedBy(user)).toEqual({ counted: 10, recorded: 10 });
    // And a late repeat of the use itself does not bring it back.
    expect((await count(user, usageId, 5)).body).toMatchObject({ used: 10 });
    expect(await usedBy(user)).toEqual({ counted: 10, recorded: 10 });
  });

  it('is not counted when it comes after it was given back', async () => {
    const { user } = await newcomer();
    const usageId = newId('usg');
    expect((await release(user, usageId)).status).toBe(204);
    expect((await count(user, usageId, 5)).body).toMatchObject({ used: 0, remaining: 100 });
    await release(user, usageId);
    expect(await usedBy(user)).toEqual({ counted: 0, recorded: 0 });
  });

  it('comes to nothing, whichever of the two is faster and however they are mixed', async () => {
    const { user } = await newcomer();
    const step = fc.constantFrom('count' as const, 'release' as const);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), fc.boolean(), async (steps, isAtOnce) => {
        const before = (await usedBy(user))?.counted ?? 0;
        const usageId = newId('usg');
        const take = (what: 'count' | 'release') =>
          what === 'count' ? count(user, usageId, 2) : release(user, usageId);
        if (isAtOnce) {
          const answers = await Promise.all(steps.map(take));
          for (const { status } of answers) expect([200, 204]).toContain(status);
        } else for (const what of steps) await take(what);
        const isCounted = !steps.includes('release');
        const now = await usedBy(user);
        expect(now).toEqual({ counted: before + (isCounted ? 2 : 0), recorded: now?.counted });
        if (isCounted) await release(user, usageId);
      }),
      { numRuns: 40 },
    );
    expect(await usedBy(user)).toEqual({ counted: 0, recorded: 0 });
  });

  it('of a crowd leaves exactly what the others used', async () => {
    const { user } = await newcomer();
    const uses = Array.from({ length: 60 }, (_, index) => ({ usageId: newId('usg'), isGiven: index % 3 === 0 }));
    await Promise.all(
      uses.map(async ({ usageId, isGiven }) => {
        expect((await count(user, usageId)).status).toBe(200);
        if (isGiven) await release(user, usageId);
      }),
    );
    expect(await usedBy(user)).toEqual({ counted: 40, recorded: 40 });
  });

  it('of somebody else is not theirs to give back, nor another tenant’s', async () => {
    const { tenant, user } = await newcomer();
    const usageId = newId('usg');
    await count(user, usageId, 4);
    await release(story.world.principal(tenant.id, ['member']), usageId);
    const stranger = await newcomer();
    await release({ tenantId: stranger.tenant.id, id: user.id }, usageId);
    expect(await usedBy(user)).toEqual({ counted: 4, recorded: 4 });
  });

  it('of a period that was totalled meanwhile stays: the total has been told', async () => {
    const { tenant, user } = await newcomer();
    const told = await story.activate(tenant, user, 'pro');
    const usageId = newId('usg');
    await count(user, usageId, 7);
    const params = { subscriptionId: told.subscriptionId as SubscriptionId };
    expect((await story.world.call(cancelSubscription, { params, body: { at: 'now' } }, user)).status).toBe(200);
    await release(user, usageId);
    expect(await usedBy(user)).toEqual({ counted: 7, recorded: 7 });
  });

  it('is counted and given back by services alone', async () => {
    const { user } = await newcomer();
    const usageId = newId('usg');
    const subscriberId = user.id as UserId;
    for (const who of [user, story.world.principal(user.tenantId, ['owner'])]) {
      const counted = await story.world.call(
        countUse,
        { params: { usageId }, body: { subscriberId, feature, amount: 1 } },
        who,
      );
      expect(counted.status).toBe(404);
      const given = await story.world.call(releaseUse, { params: { usageId }, body: { subscriberId, feature } }, who);
      expect(given.status).toBe(404);
    }
    expect(await usedBy(user)).toEqual({ counted: 0, recorded: 0 });
  });
});

describe.skipIf(inject('clickhouseUrl') === '')('In the statistics, what was given back', () => {
  it('is gone from the day of its use', async () => {
    const { user } = await newcomer();
    const usageId = newId('usg');
    await count(user, newId('usg'), 6);
    await count(user, usageId, 9);
    const total = async () =>
      (await story.world.call(readUsage, { query: {} }, user)).body.data.map(({ amount }) => amount);
    await eventually(async () => expect(await total()).toEqual([15]));
    await release(user, usageId);
    await eventually(async () => expect(await total()).toEqual([6]));
  });

  it('leaves no empty day', async () => {
    const { user } = await newcomer();
    const usageId = newId('usg');
    await count(user, usageId, 9);
    const days = async () => (await story.world.call(readUsage, { query: {} }, user)).body.data;
    await eventually(async () => expect(await days()).toHaveLength(1));
    await release(user, usageId);
    await eventually(async () => expect(await days()).toEqual([]));
  });
});
