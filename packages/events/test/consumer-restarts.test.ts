import { newId } from '@tenantry/kernel/id.ts';
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

const upTo = (n: number) => Array.from({ length: n }, (_, index) => index + 1);

describe('A consumer that starts again', () => {
  it('goes on where it stopped, and does nothing twice', async () => {
    const taker = takeNotes(world);
    const [tenant, subject] = [newId('ten'), newSubject()];
    const publish = async (versions: readonly number[]) => {
      for (const version of versions) await world.publish(taker.envelope(tenant, subject, version));
    };
    const first = await taker.start();
    await publish([1, 2, 3]);
    await eventually(async () => expect(await taker.notes()).toHaveLength(3));
    await first.stop();
    await publish([4, 5]);
    const second = await taker.start();
    try {
      await publish([6]);
      await eventually(async () => expect(await taker.notes()).toHaveLength(6));
      expect(taker.handled).toEqual(upTo(6).map((version) => taker.label(subject, version)));
    } finally {
      await second.stop();
    }
  });

  it('after a crash takes up what was under way at once, before anything newer, and in its order', async () => {
    const taker = takeNotes(world);
    const [tenant, subject] = [newId('ten'), newSubject()];
    await (await taker.start()).stop();
    for (const version of upTo(5)) await world.publish(taker.envelope(tenant, subject, version));
    // What a process takes with it when it is killed: five deliveries that nobody acknowledges for thirty seconds,
    // although the second one's transaction has committed and its acknowledgement is out of order.
    const consumer = await world.nats.jetstream.consumers.get(streamName(world.namespace, 'users'), taker.durable);
    const taken = await consumer.fetch({ max_messages: 5, expires: 5_000 });
    let deliveries = 0;
    for await (const message of taken) {
      if (++deliveries === 2) await message.ackAck();
      if (deliveries === 5) break;
    }
    await world.publish(taker.envelope(tenant, subject, 6));
    const consumers = await taker.start();
    try {
      await eventually(async () => expect(taker.handled).toHaveLength(6));
      expect(taker.handled).toEqual(upTo(6).map((version) => taker.label(subject, version)));
    } finally {
      await consumers.stop();
    }
  });

  it('waits at its end for what is being handled', async () => {
    const { promise: free, resolve: release } = Promise.withResolvers<void>();
    const { promise: begun, resolve: markBegun } = Promise.withResolvers<void>();
    const taker = takeNotes(world, () => {
      markBegun();
      return free;
    });
    const consumers = await taker.start();
    await world.publish(taker.envelope(newId('ten'), newSubject(), 1));
    await begun;
    let hasStopped = false;
    const stopped = consumers.stop().then(() => {
      hasStopped = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(hasStopped).toBe(false);
    release();
    await stopped;
    expect(await taker.notes()).toHaveLength(1);
  });

  it('makes its stream and its durable consumer again when NATS has lost them', async () => {
    const taker = takeNotes(world);
    const [tenant, subject] = [newId('ten'), newSubject()];
    const consumers = await taker.start();
    try {
      await world.publish(taker.envelope(tenant, subject, 1));
      await eventually(async () => expect(await taker.notes()).toHaveLength(1));
      await world.nats.manager.consumers.delete(streamName(world.namespace, 'users'), taker.durable);
      await world.publish(taker.envelope(tenant, subject, 2));
      await eventually(async () => expect(await taker.notes()).toHaveLength(2));
      expect(taker.handled).toEqual([taker.label(subject, 1), taker.label(subject, 2)]);
    } finally {
      await consumers.stop();
    }
  });
});

describe('Two instances of a service', () => {
  it('consume one at a time, so that order holds; when the leader dies the other goes on', async () => {
    const failed = new Set<string>();
    const taker = takeNotes(world, async (_uow, { id, aggregateversion }) => {
      if (aggregateversion % 4 !== 0 || failed.has(id)) return;
      failed.add(id);
      throw new Error('the first attempt');
    });
    const tenant = newId('ten');
    const subjects = upTo(4).map(newSubject);
    const publish = async (versions: readonly number[]) => {
      for (const version of versions)
        await Promise.all(subjects.map((subject) => world.publish(taker.envelope(tenant, subject, version))));
    };
    const other = world.open();
    const instances = [
      await taker.start({ pool: world.databases.workerPool }),
      await taker.start({ pool: other.workerPool, withTenant: other.withTenant }),
    ];
    const leader = async () =>
      (
        await world.sql<{ pid: number }>(
          `select l.pid from pg_locks l join pg_database d on d.oid = l.database
           where l.locktype = 'advisory' and l.granted and d.datname = current_database()`,
        )
      )[0]?.pid;
    try {
      await publish(upTo(8));
      await eventually(async () => expect((await taker.notes()).length).toBeGreaterThan(4));
      const before = await leader();
      await world.sql('select pg_terminate_backend($1)', [before]);
      await publish(upTo(16).slice(8));
      await eventually(async () => expect(await taker.notes()).toHaveLength(64));
      for (const subject of subjects)
        expect(await taker.notes(subject)).toEqual(upTo(16).map((version) => taker.label(subject, version)));
      expect(await leader()).not.toBe(before);
    } finally {
      await Promise.all(instances.map((instance) => instance.stop()));
      await other.close();
    }
  });
});
