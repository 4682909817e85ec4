import { fixedClock } from '@tenantry/kernel/clock.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { openTestDatabases, type TestDatabases } from '../../databases/test/open-test-databases.ts';
import { INBOX_KEPT_DAYS, pruneInbox, startInboxPruner } from '../inbox-pruner.ts';

const clock = fixedClock(Temporal.Instant.from('2026-11-21T09:30:00Z'));
let store: TestDatabases;
beforeAll(async () => {
  store = await openTestDatabases();
});
afterAll(() => store.close());
beforeEach(() => store.sql('delete from users.inbox'));

/** As many rows, handled so long ago. */
const handled = (count: number, ago: Temporal.DurationLike, consumer = 'users--billing-invoice') =>
  store.sql(
    `insert into users.inbox (consumer, event_id, handled_at)
     select $1, gen_random_uuid(), $2::timestamptz + n * interval '1 ms' from generate_series(1, $3::integer) as n`,
    [consumer, clock.now().subtract(ago).toString(), count],
  );
const left = async () => (await store.sql<{ n: number }>('select count(*)::int as n from users.inbox'))[0]?.n;
const KEPT_HOURS = INBOX_KEPT_DAYS * 24;

describe('The inbox', () => {
  it('forgets what can come from no stream any more, and nothing younger', async () => {
    await handled(5, { hours: KEPT_HOURS + 1 });
    await handled(3, { hours: KEPT_HOURS - 1 });
    expect(await pruneInbox(store.databases.worker, clock.now(), 100)).toBe(5);
    expect(await left()).toBe(3);
    // Streams keep events for 30 days.
    expect(INBOX_KEPT_DAYS).toBeGreaterThan(30);
  });

  it('forgets a few at a time, the oldest first', async () => {
    await handled(10, { hours: KEPT_HOURS + 48 }, 'old');
    await handled(10, { hours: KEPT_HOURS + 24 }, 'newer');
    expect(await pruneInbox(store.databases.worker, clock.now(), 10)).toBe(10);
    expect(await store.sql('select distinct consumer from users.inbox')).toEqual([{ consumer: 'newer' }]);
  });

  it('is pruned by two instances at once, each row by one of them', async () => {
    await handled(500, { hours: KEPT_HOURS + 1 });
    const prune = async (): Promise<number> => {
      let all = 0;
      for (let gone = 1; gone > 0; all += gone) gone = await pruneInbox(store.databases.worker, clock.now(), 10);
      return all;
    };
    const [one = 0, other = 0] = await Promise.all([prune(), prune()]);
    expect(one + other + (await prune())).toBe(500);
    expect(await left()).toBe(0);
  });

  it('is pruned at the start of every instance and from then on, also after an outage', async () => {
    await handled(25, { hours: KEPT_HOURS + 1 });
    const errors: unknown[] = [];
    let isAway = false;
    const worker = new Proxy(store.databases.worker, {
      get(target, name) {
        if (isAway && name === 'deleteFrom') throw new Error('away');
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === 'function' ? member.bind(target) : member;
      },
    });
    const pruner = startInboxPruner({
      worker,
      clock,
      onError: (error) => errors.push(error),
      everyMs: 10,
      batch: 10,
    });
    await eventually(async () => expect(await left()).toBe(0));
    isAway = true;
    await eventually(() => expect(errors.length).toBeGreaterThan(0));
    await handled(5, { hours: KEPT_HOURS + 1 });
    const before = errors.length;
    await eventually(() => expect(errors.length).toBeGreaterThan(before + 1));
    expect(await left()).toBe(5);
    isAway = false;
    await eventually(async () => expect(await left()).toBe(0));
    await pruner.stop();
    await handled(5, { hours: KEPT_HOURS + 1 });
    expect(await left()).toBe(5);
  });
});
