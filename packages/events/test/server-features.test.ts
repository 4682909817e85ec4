import { event } from '@tenantry/contract/event.ts';
import { newId } from '@tenantry/kernel/id.ts';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import type { NotesTables } from '../../databases/test/open-test-databases.ts';
import { connectNats } from '../nats.ts';
import type { NatsFeatures } from '../nats-features.ts';
import { streamName } from '../subjects.ts';
import { on } from '../subscription.ts';
import { natsUrl } from './nats-under-test.ts';
import { takeNotes } from './note-taker.ts';
import { makeEnvelope, newSubject, openTestEvents, type TestEvents } from './open-test-events.ts';

let world: TestEvents;
beforeAll(async () => {
  world = await openTestEvents();
});
afterAll(() => world.close());

const infoOf = (durable: string) => world.nats.manager.consumers.info(streamName(world.namespace, 'users'), durable);
const isIdle = async (durable: string) => {
  const { num_pending: pending, num_ack_pending: underWay, ...info } = await infoOf(durable);
  expect([pending, underWay]).toEqual([0, 0]);
  return info;
};

it('Who connects is told once which server it is', async () => {
  const told: NatsFeatures[] = [];
  const onServer = (features: NatsFeatures) => told.push(features);
  const nats = await connectNats({ url: natsUrl(), name: 'once', namespace: '', onServer });
  await nats.connection.reconnect();
  await eventually(() => nats.connection.flush());
  expect(told).toEqual([nats.features]);
  expect(nats.features.version).toBe(nats.connection.info?.version);
  await nats.close();
});

it('The stream of events is compressed where the server can', async () => {
  const { config } = await world.nats.manager.streams.info(streamName(world.namespace, 'users'));
  expect(config.compression === 's2').toBe(world.nats.features.compression);
});

describe('A durable consumer', () => {
  it('is sent what its service hears; by a server without plural filters the aggregate’s other events as well', async () => {
    const taker = takeNotes(world);
    const [tenant, subject] = [newId('ten'), newSubject()];
    const consumers = await taker.start();
    try {
      const unheard = makeEnvelope(taker.type.replace('written', 'unheard'), tenant, subject, 1);
      await world.publish(unheard);
      await world.publish({ ...unheard, id: newId('evt'), redriveof: unheard.id, redrivefor: 'billing--users-note' });
      await world.publish(taker.envelope(tenant, subject, 2));
      await eventually(() => expect(taker.handled).toEqual([taker.label(subject, 2)]));
      const { delivered } = await eventually(() => isIdle(taker.durable));
      expect(delivered.consumer_seq).toBe(world.nats.features.pluralFilters ? 1 : 3);
    } finally {
      await consumers.stop();
    }
  });

  it('keeps its place when the service hears one type more', async () => {
    const taker = takeNotes(world);
    const [tenant, subject] = [newId('ten'), newSubject()];
    const first = await taker.start();
    await world.publish(taker.envelope(tenant, subject, 1));
    await eventually(() => expect(taker.handled).toHaveLength(1));
    await eventually(() => isIdle(taker.durable));
    await first.stop();
    await world.publish(taker.envelope(tenant, subject, 2));
    const added = event(
      `${taker.type.replace('written', 'added')}` as typeof taker.type,
      Type.Object({ n: Type.Integer() }),
    );
    const heard: number[] = [];
    const also = on<typeof added, NotesTables>(added, async (_uow, { aggregateversion }) => {
      heard.push(aggregateversion);
    });
    const second = await taker.start({ subscriptions: [taker.subscription, also] });
    try {
      await world.publish(makeEnvelope(added.type, tenant, subject, 3));
      await eventually(() => expect(heard).toEqual([3]));
      expect(taker.handled).toEqual([1, 2].map((version) => taker.label(subject, version)));
    } finally {
      await second.stop();
    }
  });

  it('that hears a type no more is still told when one of those is driven again', async () => {
    const taker = takeNotes(world);
    const [tenant, subject] = [newId('ten'), newSubject()];
    const consumers = await taker.start();
    try {
      const gone = makeEnvelope(taker.type.replace('written', 'gone'), tenant, subject, 1);
      const redriven = { ...gone, id: newId('evt'), redriveof: gone.id, redrivefor: taker.durable };
      await world.publish(redriven);
      // The letter that it was driven from is not there: purged. What counts is that it came, and was put away.
      await eventually(() => isIdle(taker.durable).then(({ delivered }) => expect(delivered.consumer_seq).toBe(1)));
    } finally {
      await consumers.stop();
    }
  });

  it('begins again at what was not acknowledged, where the server can without being made anew', async () => {
    const taker = takeNotes(world);
    const [tenant, subject] = [newId('ten'), newSubject()];
    await (await taker.start()).stop();
    const { created } = await infoOf(taker.durable);
    for (const version of [1, 2, 3]) await world.publish(taker.envelope(tenant, subject, version));
    const consumer = await world.nats.jetstream.consumers.get(streamName(world.namespace, 'users'), taker.durable);
    const taken = await consumer.fetch({ max_messages: 3, expires: 5_000 });
    let count = 0;
    for await (const message of taken) {
      if (++count === 1) await message.ackAck();
      if (count === 3) break;
    }
    const consumers = await taker.start();
    try {
      await eventually(() => expect(taker.handled).toEqual([2, 3].map((version) => taker.label(subject, version))));
      const { created: afterwards } = await infoOf(taker.durable);
      expect(afterwards === created).toBe(world.nats.features.consumerReset);
    } finally {
      await consumers.stop();
    }
  });
});
