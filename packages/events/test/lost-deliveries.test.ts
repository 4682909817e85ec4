import { newId } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { connectNats, type Nats } from '../nats.ts';
import { streamName } from '../subjects.ts';
import { openNatsProxy } from './nats-proxy.ts';
import { natsUrl } from './nats-under-test.ts';
import { takeNotes } from './note-taker.ts';
import { newSubject, openTestEvents, type TestEvents } from './open-test-events.ts';

let world: TestEvents;
let way: Awaited<ReturnType<typeof openNatsProxy>>;
let nats: Nats;
beforeAll(async () => {
  world = await openTestEvents();
  way = await openNatsProxy(natsUrl());
  nats = await connectNats({ url: way.url, name: `lost-${world.namespace}`, namespace: world.namespace });
});
afterAll(async () => {
  await nats.close();
  await way.close();
  await world.close();
});

describe('What the server has sent, and a lost connection has swallowed,', () => {
  it('comes again although nothing newer does', async () => {
    const taker = takeNotes(world);
    const [tenant, subject] = [newId('ten'), newSubject()];
    const consumers = await taker.start({ nats });
    try {
      await world.publish(taker.envelope(tenant, subject, 1));
      await eventually(async () => expect(await taker.notes()).toHaveLength(1));
      let losses = 0;
      way.lose((sent) => sent.includes(subject) && ++losses > 0);
      await world.publish(taker.envelope(tenant, subject, 2));
      await eventually(() => expect(losses).toBe(1));
      way.lose(() => false);
      // The connection stands, so nothing but the server's signs of life tell of it.
      await eventually(async () => expect(await taker.notes()).toHaveLength(2), 20_000);
    } finally {
      way.lose(() => false);
      await consumers.stop();
    }
  }, 40_000);

  // The first time the consumer has acknowledged something before, the second time nothing: then it counts from its beginning.
  it.each([1, 0])(
    'comes again before anything newer, at once (%i handled before)',
    async (handledBefore) => {
      const taker = takeNotes(world);
      const [tenant, subject] = [newId('ten'), newSubject()];
      const versions = [1, 2, 3, 4].slice(1 - handledBefore);
      const consumers = await taker.start({ nats });
      try {
        const { durable } = taker;
        const stream = streamName(world.namespace, 'users');
        await eventually(async () => {
          const { num_waiting } = await world.nats.manager.consumers.info(stream, durable);
          expect(num_waiting).toBeGreaterThan(0);
        });
        if (handledBefore > 0) {
          await world.publish(taker.envelope(tenant, subject, 1));
          await eventually(async () => expect(await taker.notes()).toHaveLength(1));
        }
        way.lose((sent) => sent.includes(subject));
        for (const version of [2, 3]) await world.publish(taker.envelope(tenant, subject, version));
        await eventually(async () => {
          const { num_ack_pending } = await world.nats.manager.consumers.info(stream, durable);
          expect(num_ack_pending).toBe(2);
        });
        way.lose(() => false);
        way.cut();
        await world.publish(taker.envelope(tenant, subject, 4));
        await eventually(async () => expect(await taker.notes()).toHaveLength(versions.length), 20_000);
        expect(taker.handled).toEqual(versions.map((version) => taker.label(subject, version)));
      } finally {
        way.lose(() => false);
        await consumers.stop();
      }
    },
    40_000,
  );
});
