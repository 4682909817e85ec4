import type { EventEnvelope } from '@tenantry/contract/event.ts';
import { databaseUnavailable } from '@tenantry/databases/postgres/errors.ts';
import { newId, uuidOf } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { streamName } from '../subjects.ts';
import { takeNotes } from './note-taker.ts';
import { newSubject, openTestEvents, type TestEvents } from './open-test-events.ts';

let world: TestEvents;
beforeAll(async () => {
  world = await openTestEvents();
});
afterAll(() => world.close());

type Taker = ReturnType<typeof takeNotes>;

/** Publishes, and takes what was published with it as a process does that is killed then. */
async function leaveUnderWay(taker: Taker, envelopes: readonly EventEnvelope[]): Promise<void> {
  await (await taker.start()).stop();
  for (const envelope of envelopes) await world.publish(envelope);
  const consumer = await world.nats.jetstream.consumers.get(streamName(world.namespace, 'users'), taker.durable);
  let left = envelopes.length;
  for await (const _ of await consumer.fetch({ max_messages: left, expires: 5_000 })) if (--left === 0) break;
}

const attempts = (taker: Taker) =>
  world.sql<{ event_id: string; started: number }>(
    'select event_id, started from users.event_attempts where consumer = $1',
    [taker.durable],
  );
const blame = (taker: Taker, { id, tenantid }: EventEnvelope, started: number) =>
  world.sql('insert into users.event_attempts values ($1, $2, $3, $4, now())', [
    uuidOf(tenantid as 'ten_'),
    taker.durable,
    uuidOf(id as 'evt_'),
    started,
  ]);

describe('What a dead process had under way', () => {
  const startedOf = async (taker: Taker, { id }: EventEnvelope): Promise<number> =>
    (await attempts(taker)).find(({ event_id }) => event_id === uuidOf(id as 'evt_'))?.started ?? 0;

  it('is noted before it is handled; what came after it is not', async () => {
    const noted: (readonly [version: number, started: number])[] = [];
    const taker = takeNotes(world, async (_uow, envelope) => {
      // Committed before the handler runs: others can see it.
      noted.push([envelope.aggregateversion, await startedOf(taker, envelope)]);
    });
    const old = Array.from({ length: 6 }, () => taker.envelope(newId('ten'), newSubject(), 1));
    await leaveUnderWay(taker, old);
    const consumers = await taker.start();
    try {
      await eventually(async () => expect(await taker.notes()).toHaveLength(6));
      expect(noted).toEqual(old.map(() => [1, 1]));
      expect(await attempts(taker)).toEqual([]);
      await world.publish(taker.envelope(newId('ten'), newSubject(), 2));
      await eventually(() => expect(noted.at(-1)).toEqual([2, 0]));
    } finally {
      await consumers.stop();
    }
  });

  it('is handled side by side: those that were merely beside the one that killed wait for nobody', async () => {
    const together = Promise.withResolvers<void>();
    let inside = 0;
    const taker = takeNotes(world, async () => {
      if (++inside === 6) together.resolve();
      await together.promise;
    });
    await leaveUnderWay(
      taker,
      Array.from({ length: 6 }, () => taker.envelope(newId('ten'), newSubject(), 1)),
    );
    const consumers = await taker.start();
    try {
      await eventually(async () => expect(await taker.notes()).toHaveLength(6));
    } finally {
      await consumers.stop();
    }
  });

  it('is alone, and counted, once a note says that an attempt never ended', async () => {
    let inside = 0;
    let others = 0;
    const seen: number[] = [];
    const taker = takeNotes(world, async (_uow, envelope) => {
      inside++;
      const isAccused = envelope.aggregateversion === 2;
      if (isAccused) seen.push(await startedOf(taker, envelope));
      // Long enough for all others to come beside it, if they could.
      for (let look = 0; look < 20; look++) {
        await new Promise((resolve) => setImmediate(resolve));
        if (isAccused) others = Math.max(others, inside - 1);
      }
      inside--;
    });
    const old = Array.from({ length: 12 }, (_, i) => taker.envelope(newId('ten'), newSubject(), i % 4 === 3 ? 2 : 1));
    await leaveUnderWay(taker, old);
    for (const envelope of old.filter(({ aggregateversion }) => aggregateversion === 2))
      await blame(taker, envelope, 1);
    const consumers = await taker.start();
    try {
      await eventually(async () => expect(await taker.notes()).toHaveLength(12));
      expect([others, seen]).toEqual([0, [2, 2, 2]]);
      expect(await attempts(taker)).toEqual([]);
    } finally {
      await consumers.stop();
    }
  });

  it('is buried unseen once four attempts have never ended; its neighbours are not', async () => {
    const called: string[] = [];
    const taker = takeNotes(world, async (_uow, { id }) => void called.push(id));
    const tenant = newId('ten');
    const [guilty, suspected, innocent] = Array.from({ length: 3 }, () => taker.envelope(tenant, newSubject(), 1));
    if (guilty === undefined || suspected === undefined || innocent === undefined) throw new Error('Too few.');
    await leaveUnderWay(taker, [suspected, guilty, innocent]);
    await blame(taker, guilty, 4);
    await blame(taker, suspected, 3);
    const consumers = await taker.start();
    try {
      await eventually(async () => expect(await taker.deadLetters()).toHaveLength(1));
      await eventually(async () => expect(await taker.notes()).toHaveLength(2));
      expect(await taker.deadLetters()).toMatchObject([{ id: uuidOf(guilty.id as 'evt_'), attempts: 4 }]);
      expect(called.toSorted()).toEqual([suspected.id, innocent.id].toSorted());
      expect(await attempts(taker)).toEqual([]);
    } finally {
      await consumers.stop();
    }
  });

  it('is not excused for what it did before by an attempt that merely fails', async () => {
    const failed = Promise.withResolvers<void>();
    let calls = 0;
    const taker = takeNotes(world, async () => {
      if (++calls > 1) return;
      failed.resolve();
      throw new Error('this time only that');
    });
    const envelope = taker.envelope(newId('ten'), newSubject(), 1);
    await leaveUnderWay(taker, [envelope]);
    await blame(taker, envelope, 2);
    const first = await taker.start({ redeliveryDelaysMs: [60_000] });
    await failed.promise;
    await first.stop();
    expect(await attempts(taker)).toMatchObject([{ started: 2 }]);
    const second = await taker.start();
    try {
      await eventually(async () => expect(await taker.notes()).toHaveLength(1));
      expect(await attempts(taker)).toEqual([]);
    } finally {
      await second.stop();
    }
  });

  it('is not blamed for attempts that failed, however often, nor for notes that the database did not take', async () => {
    let calls = 0;
    let outages = 0;
    const taker = takeNotes(world, async () => {
      if (++calls < 8) throw new Error('not yet');
    });
    const envelope = taker.envelope(newId('ten'), newSubject(), 1);
    await leaveUnderWay(taker, [envelope]);
    const consumers = await taker.start({
      redeliveryDelaysMs: Array.from({ length: 8 }, () => 5),
      withTenant: (tenantId, work) =>
        ++outages % 5 === 0
          ? Promise.reject(databaseUnavailable(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })))
          : world.databases.withTenant(tenantId, work),
    });
    try {
      await eventually(async () => expect(await taker.notes()).toHaveLength(1), 20_000);
      expect(await taker.deadLetters()).toEqual([]);
      expect(await attempts(taker)).toEqual([]);
    } finally {
      await consumers.stop();
    }
  });
});
