import { newId } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { readPosition } from '../feed-position.ts';
import { ensureStream } from '../nats.ts';
import { streamName } from '../subjects.ts';
import { openTenantFeed } from '../tenant-feed.ts';
import { makeEnvelope, newSubject, openTestEvents, type TestEvents } from './open-test-events.ts';

let world: TestEvents;
beforeAll(async () => {
  world = await openTestEvents();
});
afterAll(() => world.close());

const TYPE = 'users.note.written.v1';

describe('A feed of which a stream is made anew, as by a NATS that has lost its files', () => {
  it('ends, although the new stream has come as far as the old one: its numbers are others', async () => {
    const tenantId = newId('ten');
    const heard: string[] = [];
    const ends: unknown[] = [];
    const tell = async () => {
      const envelope = makeEnvelope(TYPE, tenantId, newSubject(), 1);
      await world.publish(envelope);
      return envelope.id;
    };
    const first = await tell();
    const options = {
      tenantId,
      type: null,
      onEvent: async ({ id }: { readonly id: string }) => void heard.push(id),
      onEnd: (error: unknown) => ends.push(error),
    };
    const feed = await openTenantFeed(world.nats, { ...options, from: null });
    expect(feed).not.toBeNull();
    feed?.start();
    const second = await tell();
    await eventually(() => expect(heard).toEqual([second]));
    await feed?.advance();
    expect(ends).toEqual([]);
    const position = feed?.position() ?? '';

    await world.nats.manager.streams.delete(streamName(world.namespace, 'users'));
    await ensureStream(world.nats, 'users');
    for (let i = 0; i < 3; i++) await tell();
    await feed?.advance();
    expect(ends).toHaveLength(1);
    expect(heard).not.toContain(first);
    // And nobody goes on from there.
    const again = await openTenantFeed(world.nats, { ...options, from: readPosition(position) });
    expect(again).toBeNull();
    await feed?.close();
  });
});
