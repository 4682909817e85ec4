import type { EventEnvelope } from '@tenantry/contract/event.ts';
import { newId, newUuid, type TenantId } from '@tenantry/kernel/id.ts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { startBareConsumer } from '../bare-consumer.ts';
import { connectNats, ensureStream, type Nats } from '../nats.ts';
import { eventSubject, streamName } from '../subjects.ts';
import { natsUrl } from './nats-under-test.ts';
import { makeEnvelope, newSubject } from './open-test-events.ts';
import { openPrivateNats } from './private-nats.ts';

let nats: Nats;
let tenantId: TenantId;
let heard: EventEnvelope[];
let errors: unknown[];
const running = new Set<{ stop: () => Promise<void> }>();

beforeAll(async () => {
  nats = await connectNats({ url: natsUrl(), name: 'bare', namespace: `bare${newUuid().slice(-12)}` });
});
afterAll(() => nats.close());
beforeEach(() => {
  tenantId = newId('ten');
  heard = [];
  errors = [];
});
afterEach(async () => {
  for (const consumer of running) await consumer.stop();
  running.clear();
  await nats.manager.streams.delete(streamName(nats.namespace, 'users')).catch(() => undefined);
});

/** One instance; several share the work. */
function start(handle: (event: EventEnvelope) => Promise<void> = async () => undefined, at = nats) {
  const consumer = startBareConsumer({
    nats: at,
    service: 'hub',
    source: 'users',
    aggregate: 'note',
    tenantId,
    handle: async (event) => {
      await handle(event);
      heard.push(event);
    },
    onError: (error) => errors.push(error),
  });
  running.add(consumer);
  return consumer;
}
const note = (version: number, type = 'users.note.taken.v1', tenant = tenantId, subject = newSubject()) =>
  makeEnvelope(type, tenant, subject, version);
const publish = (event: EventEnvelope, text = JSON.stringify(event)) =>
  nats.jetstream.publish(eventSubject(nats.namespace, event), text);
const versions = () => heard.map(({ aggregateversion }) => aggregateversion).toSorted((a, b) => a - b);
const upTo = (n: number) => Array.from({ length: n }, (_, index) => index + 1);
const consumerInfo = () => nats.manager.consumers.info(streamName(nats.namespace, 'users'), 'hub--users-note');
const untilIdle = () =>
  eventually(async () => {
    const { num_pending, num_ack_pending } = await consumerInfo();
    expect([num_pending, num_ack_pending]).toEqual([0, 0]);
  });

describe('A consumer without a database', () => {
  it('hears every fact and version of its aggregate and tenant, and of nobody else', async () => {
    start();
    await eventually(consumerInfo);
    await publish(note(1));
    await publish(note(2, 'users.note.torn-up.v2'));
    await publish(note(3, 'users.page.turned.v1'));
    await publish(note(4, 'users.note.taken.v1', newId('ten')));
    await publish(note(5));
    await eventually(() => expect(versions()).toEqual([1, 2, 5]));
    await untilIdle();
    expect(versions()).toEqual([1, 2, 5]);
  });

  it('tries again what failed, as long as it takes, and lets others pass meanwhile', async () => {
    let attempts = 0;
    start(async ({ aggregateversion }) => {
      if (aggregateversion === 1 && ++attempts < 3) throw new Error('not yet');
    });
    await eventually(consumerInfo);
    await publish(note(1));
    await publish(note(2));
    await eventually(() => expect(heard.map(({ aggregateversion }) => aggregateversion)).toEqual([2, 1]));
    expect(errors).toHaveLength(2);
    await untilIdle();
  });

  it('puts away what is no event, tells of it, and goes on', async () => {
    start();
    await eventually(consumerInfo);
    await publish(note(1), '{');
    await publish(note(2), '{"id":"evt_x"}');
    await publish(note(3));
    await eventually(() => expect(versions()).toEqual([3]));
    await untilIdle();
    expect(errors).toHaveLength(2);
  });

  it('finds what was told while nobody ran, and nothing of what was done', async () => {
    const first = start();
    await eventually(consumerInfo);
    await publish(note(1));
    await eventually(() => expect(versions()).toEqual([1]));
    await untilIdle();
    await first.stop();
    for (const version of [2, 3]) await publish(note(version));
    start();
    await eventually(() => expect(versions()).toEqual([1, 2, 3]));
  });

  it('shares the work among instances; what one gives back when it stops, the others do', async () => {
    const isWaiting = Promise.withResolvers<void>();
    const mayEnd = Promise.withResolvers<void>();
    const slow = start(async () => {
      isWaiting.resolve();
      await mayEnd.promise;
    });
    await eventually(consumerInfo);
    const subject = newSubject();
    for (const version of upTo(20)) await publish(note(version, 'users.note.taken.v1', tenantId, subject));
    await isWaiting.promise;
    start();
    const stopped = slow.stop();
    mayEnd.resolve();
    await stopped;
    await eventually(() => expect(new Set(versions())).toEqual(new Set(upTo(20))));
    await untilIdle();
  });

  it('begins at the beginning when it was lost', async () => {
    start();
    await eventually(consumerInfo);
    await publish(note(1));
    await eventually(() => expect(versions()).toEqual([1]));
    await nats.manager.consumers.delete(streamName(nats.namespace, 'users'), 'hub--users-note');
    await eventually(() => expect(versions()).toEqual([1, 1]));
    await publish(note(2));
    await eventually(() => expect(versions()).toEqual([1, 1, 2]));
  });

  it('makes its stream again when that was lost', async () => {
    start();
    await eventually(consumerInfo);
    await nats.manager.streams.delete(streamName(nats.namespace, 'users'));
    await eventually(consumerInfo);
    await publish(note(1));
    await eventually(() => expect(versions()).toEqual([1]));
  });

  it('goes on when NATS was killed: with what waits for it, and when its files are lost with what comes', async () => {
    const server = await openPrivateNats();
    const own = await connectNats({ url: server.url, name: 'bare', namespace: 'bare' });
    const tell = async (version: number) => {
      const event = note(version);
      await ensureStream(own, 'users');
      await own.jetstream.publish(eventSubject('bare', event), JSON.stringify(event));
    };
    const patience = 20_000;
    const consumer = start(undefined, own);
    try {
      await tell(1);
      await eventually(() => expect(versions()).toEqual([1]), patience);
      await server.kill();
      await server.restart();
      await eventually(() => tell(2), patience);
      await eventually(() => expect(new Set(versions())).toEqual(new Set([1, 2])), patience);
      await server.kill();
      server.loseFiles();
      await server.restart();
      await eventually(() => tell(3), patience);
      await eventually(() => expect(new Set(versions())).toEqual(new Set([1, 2, 3])), patience);
    } finally {
      await consumer.stop();
      await own.close();
      await server.close();
    }
  }, 90_000);
});
