import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { newId, newUuid } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { connectNats, ensureStream, type Nats } from '../nats.ts';
import { openStateWriter, watchState } from '../pushed-state.ts';
import { openSharedState } from '../shared-state.ts';
import { eventSubject, streamName } from '../subjects.ts';
import { openWorkQueue } from '../work-queue.ts';
import { natsProgram, newerNats } from './nats-under-test.ts';
import { takeNotes } from './note-taker.ts';
import { makeEnvelope, newSubject, openTestEvents, type TestEvents } from './open-test-events.ts';
import { openPrivateNats } from './private-nats.ts';

const newer = newerNats();
const upTo = (n: number) => Array.from({ length: n }, (_, index) => index + 1);

describe.skipIf(newer === undefined)('A NATS server that is replaced by a newer one', () => {
  let server: Awaited<ReturnType<typeof openPrivateNats>>;
  let world: TestEvents;
  beforeAll(async () => {
    server = await openPrivateNats();
    world = await openTestEvents(server.url);
  });
  afterAll(async () => {
    await world.close();
    await server.close();
  });
  const connect = (): Promise<Nats> => connectNats({ url: server.url, name: 'anew', namespace: world.namespace });
  const stream = () => streamName(world.namespace, 'users');

  it('has everything that the old one had, for processes that start again and for those that went on', async () => {
    expect(world.nats.features.pluralFilters).toBe(false);
    const taker = takeNotes(world);
    const [tenant, subject] = [newId('ten'), newSubject()];
    const tell = (version: number) => world.publish(taker.envelope(tenant, subject, version));
    const first = await taker.start();
    for (const version of upTo(5)) await tell(version);
    await eventually(() => expect(taker.handled).toHaveLength(5));
    await first.stop();
    for (const version of upTo(50).slice(5)) await tell(version);
    const repeated = makeEnvelope('users.other.told.v1', tenant, subject, 1);
    const publish = (on: Nats) =>
      on.jetstream.publish(eventSubject(on.namespace, repeated), JSON.stringify(repeated), { msgID: repeated.id });
    await publish(world.nats);

    const writer = await openStateWriter<number>(world.nats, { bucket: 'pushed' });
    for (const n of upTo(20)) await writer.put(`k${n}`, n);
    await writer.remove('k1');
    const state = await watchState<number>(world.nats, { bucket: 'pushed' });
    const shared = await openSharedState<number>(world.nats, { bucket: 'shared' });
    await shared.change((_, revision) => ({ key: 'a', value: revision, outcome: null }));
    let isReady = false;
    const done: number[] = [];
    const queue = openWorkQueue<number>({
      nats: world.nats,
      name: `work${newUuid().slice(-12)}`,
      maxAgeMs: 600_000,
      handle: async (n) => isReady && done.push(n) > 0,
      onError: () => undefined,
    });
    await queue.put(tenant, newUuid(), 7);
    const before = await world.nats.manager.streams.info(stream());

    await server.becomes(newer);
    await eventually(() => world.nats.connection.flush());
    const nats = await connect();
    expect(nats.features.pluralFilters).toBe(true);
    // Of a process that went on.
    await eventually(() => expect(world.nats.features).toEqual(nats.features));
    const after = await nats.manager.streams.info(stream());
    expect([after.created, after.state.messages, after.state.last_seq]).toEqual([
      before.created,
      before.state.messages,
      before.state.last_seq,
    ]);
    expect((await publish(nats)).duplicate).toBe(true);

    isReady = true;
    await eventually(() => expect(done).toEqual([7]));
    const known = () => [...state.entries()].toSorted(([a], [b]) => a.localeCompare(b));
    expect(known()).toHaveLength(19);
    // This bucket was opened when marks could not have a life.
    await writer.remove('k2');
    await eventually(() => expect(state.get('k2')).toBeUndefined());
    await eventually(() => shared.change((entries) => ({ key: 'b', value: entries.size, outcome: null })));
    expect([...shared.entries()]).toEqual([
      ['a', 1],
      ['b', 1],
    ]);
    await Promise.all([state.close(), shared.close(), queue.close()]);

    const second = await taker.start({ nats });
    try {
      await eventually(() => expect(taker.handled).toHaveLength(50));
      expect(taker.handled).toEqual(upTo(50).map((version) => taker.label(subject, version)));
      const { config } = await nats.manager.consumers.info(stream(), taker.durable);
      expect(config.filter_subjects).toHaveLength(2);
      await tell(51);
      await eventually(() => expect(taker.handled).toHaveLength(51));
    } finally {
      await second.stop();
      await nats.close();
    }
  });

  it('compresses a stream that was there, from its next start on, and loses nothing of it', async () => {
    const nats = await connect();
    await ensureStream(nats, 'users');
    const text = 'Everything that repeats itself. '.repeat(1_000);
    const tellMuch = async (): Promise<string[]> => {
      const told = upTo(600).map((n) => makeEnvelope('users.much.told.v1', newId('ten'), newSubject(), n, { text }));
      // The streams of a server that has just come back may not answer yet; what was taken is not taken twice.
      for (const envelope of told)
        await eventually(() =>
          nats.jetstream.publish(eventSubject(nats.namespace, envelope), JSON.stringify(envelope), {
            msgID: envelope.id,
          }),
        );
      return told.map(({ id }) => id);
    };
    const plain = await tellMuch();
    const sizeBefore = sizeOfBlocks(server.dataDir, stream());
    await server.becomes(newer);
    await eventually(() => nats.connection.flush());
    const compressed = await tellMuch();
    const grown = sizeOfBlocks(server.dataDir, stream()) - sizeBefore;
    expect(sizeBefore).toBeGreaterThan(600 * text.length);
    // All but the block that is being written.
    expect(grown).toBeLessThan(sizeBefore / 2);
    await server.becomes(newer);
    await eventually(() => nats.connection.flush());
    const published = await eventually(() => world.published());
    const found = published.filter(({ envelope }) => envelope.type === 'users.much.told.v1');
    expect(found.map(({ envelope }) => envelope.id)).toEqual([...plain, ...compressed]);
    await nats.close();
  });

  it('does not let the old one back, which would empty its files', async () => {
    await expect(server.becomes(natsProgram())).rejects.toThrow(/would destroy what NATS .* has written/);
    await server.becomes(newer);
    await eventually(async () =>
      expect((await world.nats.manager.streams.info(stream())).state.messages).toBeGreaterThan(1_200),
    );
  });
});

/** Of a stream's messages on disk, in bytes. */
function sizeOfBlocks(dataDir: string, stream: string): number {
  const folder = join(dataDir, 'jetstream', '$G', 'streams', stream, 'msgs');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.blk'))
    .reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
}
