import { type UserId, uuidOf } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { readUsage } from '../contract/entitlements.ts';
import { openGate } from './gate.ts';
import { openSubscriptionsWorld, problemOf } from './subscriptions-world.ts';

type Story = Awaited<ReturnType<typeof openSubscriptionsWorld>>;
type User = Parameters<Story['read']>[0];

const newcomer = async (story: Story, timeZone = 'Asia/Jakarta') => {
  const tenant = await story.addTenant({ timeZone });
  return { tenant, user: story.world.principal(tenant.id, ['member']) };
};
const usageOf = async (
  story: Story,
  user: User,
  query: Parameters<typeof story.world.call<typeof readUsage>>[1]['query'] = {},
) => story.world.call(readUsage, { query }, user);
const totalInPostgres = async (story: Story, user: User): Promise<number> => {
  const [row] = await story.world.sql<{ total: number }>(
    'select sum(amount)::int as total from subscriptions.usage_records where tenant_id = $1 and subscriber_id = $2',
    [uuidOf(user.tenantId), uuidOf(user.id as UserId)],
  );
  return row?.total ?? 0;
};
const unexported = async (story: Story, user: User): Promise<number> => {
  const [row] = await story.world.sql<{ count: number }>(
    'select count(*)::int as count from subscriptions.usage_records where tenant_id = $1 and exported_at is null',
    [uuidOf(user.tenantId)],
  );
  return row?.count ?? 0;
};
/** The tenant's day at the world's clock. */
const today = (story: Story, timeZone: string): string =>
  story.world.clock.now().toZonedDateTimeISO(timeZone).toPlainDate().toString();

/** Without an engine there is nothing to derive into; the service then says so, which the last story shows. */
describe.skipIf(inject('clickhouseUrl') === '')('Usage in ClickHouse', () => {
  let story: Story;
  beforeAll(async () => {
    story = await openSubscriptionsWorld();
    // In the zones of these stories days begin with an hour of UTC: none may begin in the middle of a story.
    const { minute } = story.world.clock.now().toZonedDateTimeISO('UTC');
    if (minute >= 55) story.world.clock.advance({ minutes: 5 });
  });
  afterAll(() => story?.close());

  it('is what PostgreSQL recorded, per day of the tenant’s calendar', async () => {
    const { user } = await newcomer(story);
    for (const amount of [1, 2, 3, 4]) expect((await story.consume(user, amount)).status).toBe(200);
    await eventually(async () => {
      const { body } = await usageOf(story, user);
      expect(body.data.reduce((sum, day) => sum + day.amount, 0)).toBe(10);
    });
    const { body } = await usageOf(story, user, { feature: 'api-calls' });
    expect(body).toEqual({
      data: [{ feature: 'api-calls', day: today(story, 'Asia/Jakarta'), amount: 10 }],
      nextCursor: null,
    });
    expect(await totalInPostgres(story, user)).toBe(10);
    expect((await usageOf(story, user, { feature: 'seats' })).body.data).toEqual([]);
  });

  it('is the same after every row was inserted twice', async () => {
    const { tenant, user } = await newcomer(story);
    for (let index = 0; index < 25; index++) await story.consume(user, 2);
    await eventually(async () => expect(await unexported(story, user)).toBe(0));
    // As after a crash between the insert and its mark.
    await story.world.sql('update subscriptions.usage_records set exported_at = null where tenant_id = $1', [
      uuidOf(tenant.id),
    ]);
    await story.consume(user, 1);
    await eventually(async () => expect(await unexported(story, user)).toBe(0));
    const { body } = await usageOf(story, user);
    expect(body.data.map(({ amount }) => amount)).toEqual([await totalInPostgres(story, user)]);
    expect(body.data[0]?.amount).toBe(51);
  });

  it('is cut into days by the tenant’s zone, not by UTC', async () => {
    const { user } = await newcomer(story, 'Pacific/Kiritimati'); // UTC+14
    const { tenant: west, user: westerner } = await newcomer(story, 'Pacific/Pago_Pago'); // UTC-11: never the same day
    await story.consume(user);
    await story.consume(westerner);
    expect(west.timeZone).toBe('Pacific/Pago_Pago');
    const dayOf = (who: User) =>
      eventually(async () => {
        const [day] = (await usageOf(story, who)).body.data;
        expect(day).toBeDefined();
        return day?.day;
      });
    expect([await dayOf(user), await dayOf(westerner)]).toEqual([
      today(story, 'Pacific/Kiritimati'),
      today(story, 'Pacific/Pago_Pago'),
    ]);
  });

  it('shows nobody else’s, in the tenant or beyond', async () => {
    const { tenant, user } = await newcomer(story);
    await story.consume(user, 5);
    await eventually(async () => expect((await usageOf(story, user)).body.data).toHaveLength(1));
    const colleague = story.world.principal(tenant.id, ['admin']);
    const stranger = story.world.principal((await story.addTenant()).id, ['member'], user.id as UserId);
    expect((await usageOf(story, colleague)).body.data).toEqual([]);
    expect((await usageOf(story, stranger)).body.data).toEqual([]);
  });

  it('is asked for by a range that can be read', async () => {
    const { user } = await newcomer(story);
    const range = (from: string, to: string) => usageOf(story, user, { from, to });
    expect((await range('2026-01-01T00:00:00.000Z', '2026-02-01T00:00:00.000Z')).body.data).toEqual([]);
    for (const [from, to] of [
      ['2026-02-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z'],
      ['2024-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z'],
      ['2026-02-30T00:00:00.000Z', '2026-03-01T00:00:00.000Z'],
    ] as const) {
      const answer = await range(from, to);
      expect(answer.status).toBe(400);
      expect(problemOf(answer)).toMatchObject({ code: 'validation-failed' });
    }
  });
});

describe('While ClickHouse is away', () => {
  it('counting goes on, reading usage is 503, and the rows wait', async () => {
    const story = await openSubscriptionsWorld({ CLICKHOUSE_URL: 'http://127.0.0.1:1' });
    try {
      const { user } = await newcomer(story);
      expect((await story.consume(user, 3)).status).toBe(200);
      const answer = await usageOf(story, user);
      expect(answer.status).toBe(503);
      expect(problemOf(answer)).toMatchObject({ code: 'upstream-unavailable' });
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      // However many seconds of use there were, one row is left to ask again, and the sweep.
      for (let second = 0; second < 5; second++) {
        story.world.clock.advance({ seconds: 3 });
        expect((await story.consume(user, 1)).status).toBe(200);
      }
      story.world.clock.advance({ seconds: 3 });
      await eventually(async () => {
        const due = await story.world.sql('select kind, id from subscriptions.due where tenant_id = $1 order by kind', [
          uuidOf(user.tenantId),
        ]);
        const id = uuidOf(user.tenantId);
        expect(due).toEqual([
          { kind: 'usage:export', id },
          { kind: 'usage:sweep', id },
        ]);
      });
      expect(await unexported(story, user)).toBe(6);
    } finally {
      await story.close();
    }
  });

  it.skipIf(inject('clickhouseUrl') === '')(
    'what waited is brought within the longest pause once it is back',
    async () => {
      const away = await openGate(inject('clickhouseUrl'));
      const story = await openSubscriptionsWorld({ CLICKHOUSE_URL: away.url });
      try {
        away.shut();
        const { user } = await newcomer(story);
        for (const amount of [3, 4]) expect((await story.consume(user, amount)).status).toBe(200);
        await eventually(async () => {
          const due = await story.world.sql(
            "select id from subscriptions.due where kind = 'usage:export' and tenant_id = $1",
            [uuidOf(user.tenantId)],
          );
          expect(due).toEqual([{ id: uuidOf(user.tenantId) }]);
        });
        expect(await unexported(story, user)).toBe(2);
        away.open();
        await eventually(async () => {
          // Again: an attempt that was under way while it was away may end only now, and be followed by another pause.
          story.world.clock.advance({ seconds: 30 });
          const { body, status } = await usageOf(story, user);
          expect(status).toBe(200);
          expect(body.data.map(({ amount }) => amount)).toEqual([7]);
        });
      } finally {
        await story.close();
        await away.close();
      }
    },
  );
});
