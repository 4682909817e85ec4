import { newId, newUuid, type TenantId } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { openTestDatabases, type TestDatabases } from '../../databases/test/open-test-databases.ts';
import { openPostgresProxy } from '../../databases/test/postgres-proxy.ts';
import { streamName } from '../subjects.ts';
import { takeNotes } from './note-taker.ts';
import { newSubject, openTestEvents, type TestEvents } from './open-test-events.ts';

/** More than a consumer takes at a time, and more than the server used to hand out before the first was acknowledged. */
const MANY = 600;

let world: TestEvents;
let elsewhere: TestDatabases;
let way: Awaited<ReturnType<typeof openPostgresProxy>>;
beforeAll(async () => {
  [world, elsewhere] = await Promise.all([openTestEvents(), openTestDatabases()]);
  way = await openPostgresProxy(elsewhere.serviceUrl);
});
afterAll(async () => {
  await way.close();
  await Promise.all([world.close(), elsewhere.close()]);
});

const upTo = (n: number) => Array.from({ length: n }, (_, index) => index + 1);
const publishAll = async (taker: ReturnType<typeof takeNotes>, tenant: TenantId, facts: [string, number][]) => {
  for (const [subject, version] of facts) await world.publish(taker.envelope(tenant, subject, version));
};

describe('Others are not held up', () => {
  it.each([
    ['hangs up', 'cut-before-answer'],
    ['is silent', 'swallow'],
  ] as const)(
    'by the events of a tenant whose database %s, and all of those come when it is back',
    async (_, verdict) => {
      const [tenant, other] = [newId('ten'), newId('ten')];
      let isAway = true;
      way.judgeBy(() => (isAway ? verdict : 'pass'));
      const placed = world.open(undefined, undefined, {
        databases: `second=${way.url}`,
        placements: `${tenant}=second`,
      });
      const taker = takeNotes(world);
      const subjects = upTo(MANY / 2).map(newSubject);
      const facts = [1, 2].flatMap((version) => subjects.map((subject): [string, number] => [subject, version]));
      await publishAll(taker, tenant, facts);
      const consumers = await taker.start({ withTenant: placed.withTenant });
      try {
        for (const n of upTo(5)) {
          const subject = newSubject();
          await publishAll(taker, other, [[subject, n]]);
          await eventually(async () => expect(await taker.notes(subject)).toHaveLength(1), 10_000);
        }
        isAway = false;
        const texts = await eventually(async () => {
          const rows = await elsewhere.sql<{ text: string }>(
            'select text from users.notes where text like $1 order by id',
            [`${taker.label('', 0).split(' ')[0]} %`],
          );
          expect(rows).toHaveLength(MANY);
          return rows.map(({ text }) => text);
        }, 20_000);
        for (const subject of subjects)
          expect(texts.filter((text) => text.includes(subject))).toEqual([
            taker.label(subject, 1),
            taker.label(subject, 2),
          ]);
        // What waited was here: it came once, so it could go on at once.
        const { delivered } = await world.nats.manager.consumers.info(
          streamName(world.namespace, 'users'),
          taker.durable,
        );
        expect(delivered.consumer_seq).toBe(MANY + 5);
      } finally {
        isAway = false;
        await consumers.stop();
        await placed.close();
      }
    },
    60_000,
  );

  it.each([
    ['many aggregates of a tenant that all fail', (): [string, number][] => upTo(MANY).map(() => [newSubject(), 1])],
    [
      'many events behind one that fails',
      (): [string, number][] => {
        const subject = `nte_${newUuid()}`;
        return upTo(MANY).map((version) => [subject, version]);
      },
    ],
  ])(
    'by %s, which keep waiting',
    async (_, makeFacts) => {
      const [tenant, other, subject] = [newId('ten'), newId('ten'), newSubject()];
      const taker = takeNotes(world, async (uow) => {
        if (uow.tenantId === tenant) throw new Error('not yet');
      });
      await publishAll(taker, tenant, makeFacts());
      const consumers = await taker.start({ redeliveryDelaysMs: [600_000] });
      try {
        await publishAll(taker, other, [[subject, 1]]);
        await eventually(async () => expect(await taker.notes()).toEqual([taker.label(subject, 1)]), 15_000);
        expect(await taker.deadLetters()).toEqual([]);
      } finally {
        await consumers.stop();
      }
    },
    40_000,
  );

  it('by handlers of a tenant that hang, however many', async () => {
    const [tenant, other, subject] = [newId('ten'), newId('ten'), newSubject()];
    const { promise: free, resolve: release } = Promise.withResolvers<void>();
    let hanging = 0;
    const taker = takeNotes(world, async (uow) => {
      if (uow.tenantId !== tenant) return;
      hanging++;
      await free;
    });
    const facts = upTo(100).map((): [string, number] => [newSubject(), 1]);
    await publishAll(taker, tenant, facts);
    const consumers = await taker.start();
    try {
      await eventually(() => expect(hanging).toBeGreaterThan(2));
      await publishAll(taker, other, [[subject, 1]]);
      await eventually(async () => expect(await taker.notes()).toEqual([taker.label(subject, 1)]), 15_000);
      release();
      await eventually(async () => expect(await taker.notes()).toHaveLength(101), 15_000);
    } finally {
      release();
      await consumers.stop();
    }
  }, 40_000);

  it('by more than may wait: what fails then is a dead letter at once, and nothing is lost', async () => {
    const [tenant, other, subject] = [newId('ten'), newId('ten'), newSubject()];
    const taker = takeNotes(world, async (uow) => {
      if (uow.tenantId === tenant) throw new Error('not yet');
    });
    const facts = upTo(200).map((): [string, number] => [newSubject(), 1]);
    await publishAll(taker, tenant, facts);
    const consumers = await taker.start({ redeliveryDelaysMs: [600_000], mostWaiting: 50 });
    try {
      await publishAll(taker, other, [[subject, 1]]);
      await eventually(async () => expect(await taker.notes()).toEqual([taker.label(subject, 1)]), 15_000);
      await eventually(async () => expect(await taker.deadLetters()).toHaveLength(150), 15_000);
      const stream = streamName(world.namespace, 'users');
      await eventually(async () => {
        const { num_ack_pending, num_pending } = await world.nats.manager.consumers.info(stream, taker.durable);
        expect([num_ack_pending, num_pending]).toEqual([50, 0]);
      });
    } finally {
      await consumers.stop();
    }
  }, 40_000);

  it('by a consumer that was made when less could wait', async () => {
    const taker = takeNotes(world);
    const stream = streamName(world.namespace, 'users');
    await (await taker.start()).stop();
    await world.nats.manager.consumers.update(stream, taker.durable, { max_ack_pending: 256 });
    const consumers = await taker.start();
    try {
      await eventually(async () => {
        const { config } = await world.nats.manager.consumers.info(stream, taker.durable);
        expect(config.max_ack_pending).toBeGreaterThan(16_000);
      });
    } finally {
      await consumers.stop();
    }
  });
});
