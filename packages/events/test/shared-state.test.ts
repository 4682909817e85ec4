import { randomBytes } from 'node:crypto';
import { Kvm } from '@nats-io/kv';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { connectNats, type Nats } from '../nats.ts';
import { openSharedState, type SharedState } from '../shared-state.ts';
import { bucketName } from '../subjects.ts';
import { natsUrl } from './nats-under-test.ts';
import { openPrivateNats } from './private-nats.ts';

type Seat = { readonly holder: string; readonly revision: number };
const namespace = `t${randomBytes(5).toString('hex')}`;
let nats: Nats;
let other: Nats;
let count = 0;
let bucket: { bucket: string };
const open: SharedState<Seat>[] = [];

const openOn = async (connection: Nats): Promise<SharedState<Seat>> => {
  const state = await openSharedState<Seat>(connection, bucket);
  open.push(state);
  return state;
};
const put = (state: SharedState<Seat>, key: string, holder: string) =>
  state.change((_, revision) => ({ key, value: { holder, revision }, outcome: revision }));
const remove = (state: SharedState<Seat>, key: string) =>
  state.change((entries) => (entries.has(key) ? { key, outcome: true } : { outcome: false }));

beforeAll(async () => {
  nats = await connectNats({ url: natsUrl(), name: 'one', namespace });
  other = await connectNats({ url: natsUrl(), name: 'other', namespace });
});
afterAll(async () => {
  for (const state of open) await state.close();
  await nats.close();
  await other.close();
});
beforeEach(() => {
  bucket = { bucket: `shared${++count}` };
});

describe('State that several processes write together', () => {
  it('is decided in one order: of many who take one seat at once, exactly one gets it', async () => {
    const [one, two] = [await openOn(nats), await openOn(other)];
    const take = (state: SharedState<Seat>, holder: string) =>
      state.change((entries, revision) =>
        [...entries.values()].length > 0
          ? { outcome: false }
          : { key: `seat.${holder}`, value: { holder, revision }, outcome: true },
      );
    const outcomes = await Promise.all(
      Array.from({ length: 12 }, (_, index) => take(index % 2 === 0 ? one : two, `h${index}`)),
    );
    expect(outcomes.filter(Boolean)).toHaveLength(1);
    await eventually(() => expect([...one.entries()]).toEqual([...two.entries()]));
    expect(one.entries().size).toBe(1);
  });

  it('knows its own change, and all before it, when the change is done', async () => {
    const [one, two] = [await openOn(nats), await openOn(other)];
    await put(one, 'a', 'x');
    await put(two, 'b', 'y');
    expect([...two.entries().keys()].toSorted()).toEqual(['a', 'b']);
    await remove(two, 'a');
    expect([...two.entries().keys()]).toEqual(['b']);
  });

  it('gives every change a higher number than any before, over removals, restarts and cleaned markers too', async () => {
    const one = await openOn(nats);
    const numbers = [await put(one, 'a', 'x'), await put(one, 'a', 'y')];
    await remove(one, 'a');
    expect(await one.forgetRemoved(0)).toBe(1);
    const two = await openOn(other);
    expect(two.entries().size).toBe(0);
    numbers.push(await put(two, 'a', 'z'), await put(one, 'b', 'z'));
    expect(numbers).toEqual([1, 2, 4, 5]);
    expect(two.entries().get('a')?.revision).toBe(4);
  });

  it('forgets old markers only, and never a key that was written again', async () => {
    const one = await openOn(nats);
    for (const key of ['gone', 'again']) {
      await put(one, key, 'x');
      await remove(one, key);
    }
    await put(one, 'again', 'y');
    expect(await one.forgetRemoved(60_000)).toBe(0);
    expect(await one.forgetRemoved(0)).toBe(1);
    expect(await one.forgetRemoved(0)).toBe(0);
    const kv = await new Kvm(nats.jetstream).open(bucketName(namespace, bucket.bucket));
    expect((await kv.status()).values).toBe(1);
    expect([...(await openOn(other)).entries().keys()]).toEqual(['again']);
  });

  it('hears of changes that were not pushed to it', async () => {
    const [one, two] = [await openOn(nats), await openOn(other)];
    await put(one, 'removed', 'x');
    await eventually(() => expect(two.entries().has('removed')).toBe(true));
    const stream = `KV_${bucketName(namespace, bucket.bucket)}`;
    for await (const { name } of nats.manager.consumers.list(stream)) await nats.manager.consumers.delete(stream, name);
    await put(one, 'a', 'y');
    await remove(one, 'removed');
    expect([...one.entries().keys()]).toEqual(['a']);
    await eventually(() => expect([...two.entries().keys()]).toEqual(['a']));
    // And decides on them.
    expect(await two.change((entries) => ({ outcome: entries.has('removed') }))).toBe(false);
  });

  it('misses nothing while keys come and go quickly', { timeout: 60_000 }, async () => {
    const states = await Promise.all([nats, other, nats, other].map(openOn));
    const filler = 'x'.repeat(20_000);
    for (let round = 0; round < 120; round++) {
      const writer = states[round % 2] as SharedState<Seat>;
      await put(writer, `key-${round}`, filler);
      if (round >= 6) await remove(states[(round + 1) % 2] as SharedState<Seat>, `key-${round - 6}`);
    }
    const expected = Array.from({ length: 6 }, (_, index) => `key-${114 + index}`);
    for (const state of states)
      await eventually(() => expect([...state.entries().keys()].toSorted()).toEqual(expected));
  });

  it('says what it knew when the bucket comes back without it', async () => {
    const server = await openPrivateNats();
    const own = await connectNats({ url: server.url, name: 'own', namespace });
    try {
      const state = await openSharedState<Seat>(own, bucket);
      await put(state, 'a', 'x');
      const lost: string[][] = [];
      state.onLost((known) => lost.push([...known.keys()]));
      await server.kill();
      server.loseFiles();
      await server.restart();
      await eventually(() => expect(lost).toEqual([['a']]));
      await put(state, 'b', 'y');
      expect([...state.entries().keys()]).toEqual(['b']);
      await state.close();
    } finally {
      await own.close();
      await server.close();
    }
  });

  it('takes what others wrote while it was cut off', async () => {
    const server = await openPrivateNats();
    const own = await connectNats({ url: server.url, name: 'own', namespace });
    try {
      const state = await openSharedState<Seat>(own, bucket);
      const lost: unknown[] = [];
      state.onLost((known) => lost.push(known));
      await put(state, 'a', 'x');
      await server.kill();
      await server.restart();
      const late = await connectNats({ url: server.url, name: 'late', namespace });
      const writer = await openSharedState<Seat>(late, bucket);
      await put(writer, 'b', 'y');
      await eventually(() => expect([...state.entries().keys()]).toEqual(['a', 'b']));
      expect(lost).toEqual([]);
      await writer.close();
      await state.close();
      await late.close();
    } finally {
      await own.close();
      await server.close();
    }
  });
});
