import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { newId, newUuid, type SubscriptionId, uuidOf } from '@tenantry/kernel/id.ts';
import type { Problem } from '@tenantry/kernel/problem.ts';
import type { TenantDirectory } from '@tenantry/kit/tenants/directory.ts';
import { Bulkhead } from '@tenantry/resilience/bulkhead.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { consumeEntitlement as consumeEndpoint } from '../contract/entitlements.ts';
import { usageRecorded } from '../contract/events.ts';
import { cancelSubscription } from '../contract/subscriptions.ts';
import { consumeEntitlement } from '../use-cases/consume-entitlement.ts';
import { createExportSchedule } from '../use-cases/export-schedule.ts';
import { createTenantPlans } from '../use-cases/tenant-plans.ts';
import { openDatabasesOf, openSubscriptionsWorld, problemOf } from './subscriptions-world.ts';

let story: Awaited<ReturnType<typeof openSubscriptionsWorld>>;
beforeAll(async () => {
  story = await openSubscriptionsWorld();
});
afterAll(() => story?.close());

const newcomer = async (plan: 'free' | 'pro' | 'enterprise') => {
  const tenant = await story.addTenant();
  const user = story.world.principal(tenant.id, ['member']);
  const told = plan === 'free' ? null : await story.activate(tenant, user, plan);
  return { tenant, user, told };
};

/** What the two records of use say; they are written together. */
const recordedFor = async (subscriberId: string) => {
  const [row] = await story.world.sql<{ counted: number; recorded: number; rows: number; told: number }>(
    `select (select sum(used)::int from subscriptions.usage_counters where subscriber_id = $1) as counted,
            (select sum(amount)::int from subscriptions.usage_records where subscriber_id = $1) as recorded,
            (select count(*)::int from subscriptions.usage_records where subscriber_id = $1) as rows`,
    [uuidOf(subscriberId as `usr_${string}`)],
  );
  return row;
};

const closedUsage = async (id: SubscriptionId): Promise<number> => {
  const [closed] = await story.world.sql<{ used: number }>(
    `select (data->'usage'->0->>'used')::int as used from subscriptions.events
     where stream_id = $1 and type = 'period-closed'`,
    [uuidOf(id)],
  );
  return closed?.used ?? 0;
};

const directoryOf = (tenant: TenantRecord): TenantDirectory => ({
  peek: () => tenant,
  get: async () => tenant,
  onChange: () => undefined,
  close: async () => undefined,
});

/** `calls` at once, `width` of them in flight. */
async function inParallel<T>(calls: number, width: number, call: (index: number) => Promise<T> | T): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < calls) {
      const index = next++;
      results[index] = await call(index);
    }
  };
  await Promise.all(Array.from({ length: width }, lane));
  return results;
}

describe('A quota of 1,000 and 2,000 calls', () => {
  it.each([
    ['100 at a time', 100],
    ['all at the same instant', 2_000],
  ])(
    '%s: exactly 1,000 get through',
    async (_name, width) => {
      const { user } = await newcomer('pro');
      const answers = await inParallel(2_000, width, () => story.consume(user));
      const statuses = Map.groupBy(answers, ({ status }) => status);
      expect([...statuses.keys()].toSorted()).toEqual([200, 403]);
      expect(statuses.get(200)).toHaveLength(1_000);
      const used = (statuses.get(200) ?? []).map(({ body }) => body.used).toSorted((a, b) => a - b);
      expect(used).toEqual(Array.from({ length: 1_000 }, (_, index) => index + 1));
      expect(problemOf(statuses.get(403)?.[0] ?? { body: {} })).toMatchObject({
        code: 'quota-exceeded',
        limit: 1_000,
        used: 1_000,
      });
      expect(await recordedFor(user.id)).toEqual({ counted: 1_000, recorded: 1_000, rows: 1_000 });
      expect(await story.entitlements(user)).toMatchObject({ usage: [{ used: 1_000, remaining: 0 }] });
    },
    60_000,
  );

  it('from three instances, which share nothing but the database: exactly 1,000 get through', async () => {
    const { tenant, user } = await newcomer('pro');
    const instances = Array.from({ length: 3 }, () => {
      const databases = openDatabasesOf(story.world);
      const consume = consumeEntitlement({
        databases,
        tenants: directoryOf(tenant),
        plans: createTenantPlans(databases),
        exportSchedule: createExportSchedule(),
        countingPlaces: new Bulkhead({ name: 'counting', maxConcurrent: 6, maxQueued: 5_000 }),
      });
      return { databases, consume };
    });
    try {
      const outcomes = await inParallel(
        2_000,
        300,
        (index) =>
          instances[index % 3]?.consume(user, { uuid: newUuid(), feature: 'api-calls', amount: 1 }).then(
            ({ used }) => used,
            (error: Problem) => error.kind.code,
          ) ?? 'nobody',
      );
      const counted = outcomes.filter((outcome) => typeof outcome === 'number');
      expect(counted.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 1_000 }, (_, index) => index + 1));
      expect(new Set(outcomes.filter((outcome) => typeof outcome === 'string'))).toEqual(new Set(['quota-exceeded']));
      expect(await recordedFor(user.id)).toEqual({ counted: 1_000, recorded: 1_000, rows: 1_000 });
    } finally {
      await Promise.all(instances.map(({ databases }) => databases.close()));
    }
  }, 60_000);

  it('of different size: what is counted never exceeds it, and what does not fit leaves no trace', async () => {
    const { user } = await newcomer('pro');
    const answers = await inParallel(400, 50, (index) => story.consume(user, 1 + (index % 9)));
    const granted = answers.flatMap(({ status }, index) => (status === 200 ? [1 + (index % 9)] : []));
    const total = granted.reduce((sum, amount) => sum + amount, 0);
    expect(total).toBeLessThanOrEqual(1_000);
    expect(total).toBeGreaterThan(1_000 - 9);
    expect(await recordedFor(user.id)).toEqual({ counted: total, recorded: total, rows: granted.length });
  }, 60_000);
});

describe('Using up a quota', () => {
  it('answers how much is left and until when', async () => {
    const { user, told } = await newcomer('pro');
    const { status, body } = await story.consume(user, 3);
    expect(status).toBe(200);
    const { currentPeriod } = await story.read(user, told?.subscriptionId ?? newId('sub'));
    expect(body).toEqual({
      feature: 'api-calls',
      limit: 1_000,
      used: 3,
      remaining: 997,
      resetsAt: currentPeriod?.end,
    });
    const event = await story.world.heard(usageRecorded, ({ data }) => data.subscriberId === user.id);
    expect(event.data).toMatchObject({ feature: 'api-calls', amount: 3 });
  });

  it('more at once than there is fails as a whole', async () => {
    const { user } = await newcomer('free');
    const tooMuch = await story.consume(user, 101);
    expect(tooMuch.status).toBe(403);
    expect(problemOf(tooMuch)).toMatchObject({ code: 'quota-exceeded', limit: 100, used: 0 });
    expect((await story.consume(user, 100)).body).toMatchObject({ used: 100, remaining: 0 });
  });

  it('of what costs nothing does not start anew by canceling and subscribing again', async () => {
    const { user } = await newcomer('free');
    expect((await story.consume(user, 60)).status).toBe(200);
    for (let turn = 0; turn < 2; turn++) {
      const { body } = await story.subscribe(user, 'free');
      expect((await story.consume(user, 60)).status).toBe(403);
      const params = { subscriptionId: body.id };
      expect((await story.world.call(cancelSubscription, { params, body: { at: 'now' } }, user)).status).toBe(200);
    }
    expect((await story.consume(user, 40)).body).toMatchObject({ used: 100, remaining: 0 });
  });

  it('without a subscription is Free’s, by the calendar month of the tenant', async () => {
    const { user } = await newcomer('free');
    const { body } = await story.consume(user);
    const nextMonth = story.world.clock
      .now()
      .toZonedDateTimeISO('Asia/Jakarta')
      .with({ day: 1 })
      .add({ months: 1 })
      .startOfDay()
      .toInstant();
    expect(body).toMatchObject({ limit: 100, used: 1, resetsAt: nextMonth.toString({ smallestUnit: 'millisecond' }) });
  });

  it('repeated with the same key counts once', async () => {
    const { user } = await newcomer('pro');
    const first = await story.consume(user, 5, { idempotencyKey: 'five' });
    const second = await story.consume(user, 5, { idempotencyKey: 'five' });
    expect(second.body).toEqual(first.body);
    expect(second.headers.get('idempotency-replayed')).toBe('true');
    expect(await recordedFor(user.id)).toEqual({ counted: 5, recorded: 5, rows: 1 });
    const other = await story.consume(user, 6, { idempotencyKey: 'five' });
    expect(other.status).toBe(422);
  });

  it('repeated after a crash before its answer was kept counts once, also when it had used the last of it', async () => {
    const { user } = await newcomer('free');
    await story.consume(user, 100, { idempotencyKey: 'last' });
    await story.world.sql(
      "update subscriptions.idempotency_keys set status = null, response = null, leased_until = '2000-01-01' where key = 'last' and principal = $1",
      [user.id],
    );
    const repeated = await story.consume(user, 100, { idempotencyKey: 'last' });
    expect(repeated.status).toBe(200);
    expect(repeated.headers.get('idempotency-replayed')).toBeNull();
    expect(repeated.body).toMatchObject({ used: 100, remaining: 0 });
    expect(await recordedFor(user.id)).toEqual({ counted: 100, recorded: 100, rows: 1 });
  });

  it('of a plan that was just canceled counts for Free from then on', async () => {
    const { user, told } = await newcomer('pro');
    await story.consume(user, 10);
    const subscriptionId = told?.subscriptionId ?? newId('sub');
    await story.world.call(cancelSubscription, { params: { subscriptionId }, body: { at: 'now' } }, user);
    expect((await story.consume(user)).body).toMatchObject({ limit: 100, used: 1 });
  });

  it('of a period that is closed between looking and counting counts in the next one', async () => {
    const { tenant, user, told } = await newcomer('pro');
    await story.consume(user, 10);
    const input = { params: { subscriptionId: told?.subscriptionId ?? newId('sub') }, body: { at: 'now' as const } };
    let isCanceled = false;
    const cancelFirst = async (): Promise<void> => {
      if (isCanceled) return;
      isCanceled = true;
      expect((await story.world.call(cancelSubscription, input, user)).status).toBe(200);
    };
    const databases = openDatabasesOf(story.world);
    try {
      const consume = consumeEntitlement({
        databases,
        tenants: directoryOf(tenant),
        plans: createTenantPlans(databases),
        // What is asked for right before the counter is touched.
        exportSchedule: { during: (_tenantId, work) => work(cancelFirst) },
        countingPlaces: new Bulkhead({ name: 'counting', maxConcurrent: 1 }),
      });
      const counted = await consume(user, { uuid: newUuid(), feature: 'api-calls', amount: 1 });
      expect(counted).toMatchObject({ limit: 100, used: 1 });
    } finally {
      await databases.close();
    }
    expect(await closedUsage(input.params.subscriptionId)).toBe(10);
    expect(await recordedFor(user.id)).toEqual({ counted: 11, recorded: 11, rows: 2 });
  });

  it('while it is being canceled is in the total of the closed period or in Free’s, never lost', async () => {
    const { user, told } = await newcomer('pro');
    const subscriptionId = told?.subscriptionId ?? newId('sub');
    const [answers] = await Promise.all([
      inParallel(60, 20, () => story.consume(user)),
      story.world.call(cancelSubscription, { params: { subscriptionId }, body: { at: 'now' } }, user),
    ]);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const { usage } = await story.entitlements(user);
    expect((await closedUsage(subscriptionId)) + (usage[0]?.used ?? 0)).toBe(60);
    expect(await recordedFor(user.id)).toEqual({ counted: 60, recorded: 60, rows: 60 });
  });
});

describe('What cannot be used up', () => {
  it.each([
    ['priority-support', 409, 'feature-not-metered'],
    ['seats', 409, 'feature-not-metered'],
    ['time-travel', 404, 'feature-not-found'],
  ])('%s → %i', async (feature, status, code) => {
    const { user } = await newcomer('free');
    const answer = await story.world.call(consumeEndpoint, { params: { feature }, body: { amount: 1 } }, user);
    expect(answer.status).toBe(status);
    expect(problemOf(answer)).toMatchObject({ code });
  });

  it('an amount that is none', async () => {
    const { user } = await newcomer('free');
    for (const amount of [0, -1, 1.5]) expect((await story.consume(user, amount)).status).toBe(400);
  });
});
