import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { connectNats, type Nats } from '../nats.ts';
import { openStateWriter, watchState } from '../pushed-state.ts';
import { openSharedState } from '../shared-state.ts';
import { bucketName } from '../subjects.ts';
import { natsUrl } from './nats-under-test.ts';
import { connectSkippingNats } from './skipping-nats.ts';

const namespace = `t${randomBytes(5).toString('hex')}`;
let nats: Nats;
/** Its watches hear of nothing that `isSkipped` tells. */
let deaf: Nats;
let isSkipped: (message: { readonly seq: number }) => boolean = () => false;
let skipped: number[] = [];
let bucket: { bucket: string };
let count = 0;
beforeAll(async () => {
  const url = natsUrl();
  nats = await connectNats({ url, name: 'hearing', namespace });
  deaf = await connectSkippingNats({ url, name: 'deaf', namespace }, (message) => {
    const isLost = isSkipped(message);
    if (isLost) skipped.push(message.seq);
    return isLost;
  });
});
afterAll(async () => {
  await nats.close();
  await deaf.close();
});
beforeEach(() => {
  bucket = { bucket: `watch${++count}` };
  skipped = [];
});

const fill = async () => {
  const writer = await openStateWriter<string>(nats, bucket);
  for (const key of ['a', 'b', 'c']) await writer.put(key, key);
  return writer;
};

describe('A watch of which the server skips the last message of what it tells first', () => {
  it('is whole soon, without a change: a reader of pushed state starts with everything', async () => {
    isSkipped = ({ seq }) => seq === 3;
    await fill();
    const state = await watchState<string>(deaf, { ...bucket, checkEveryMs: 50 });
    expect(skipped).toEqual([3]);
    // Once it is whole it knows how fresh it is: while it waits for the end of the telling, it does not.
    await eventually(() => expect(state.silentForMs()).toBeLessThan(1_000));
    expect(Object.fromEntries(state.entries())).toEqual({ a: 'a', b: 'b', c: 'c' });
    await state.close();
  });

  it('drops what the bucket no longer has, though nothing changes', async () => {
    const writer = await fill();
    isSkipped = ({ seq }) => seq === 4;
    const state = await watchState<string>(deaf, { ...bucket, checkEveryMs: 50 });
    const heard: unknown[] = [];
    state.onChange((key, value) => heard.push([key, value]));
    await writer.remove('b');
    await eventually(() => expect(heard).toEqual([['b', undefined]]));
    expect(skipped).toEqual([4]);
    await state.close();
  });

  it('is one that several can write by, too', async () => {
    isSkipped = ({ seq }) => seq === 3;
    await fill();
    const state = await openSharedState<string>(deaf, bucket);
    expect(skipped).toEqual([3]);
    expect(
      await state.change((entries, revision) => ({ key: 'd', value: 'd', outcome: [entries.size, revision] })),
    ).toEqual([3, 4]);
    await state.close();
  });
});

describe('A watch of a bucket that is deleted while its server runs', () => {
  it('makes it again, and says what it held', async () => {
    isSkipped = () => false;
    await fill();
    const shared = await openSharedState<string>(nats, bucket);
    const pushed = await watchState<string>(nats, { ...bucket, checkEveryMs: 50 });
    const lost: string[][] = [];
    shared.onLost((known) => lost.push([...known.keys()]));
    await nats.manager.streams.delete(`KV_${bucketName(namespace, bucket.bucket)}`);
    await eventually(() => expect(lost).toEqual([['a', 'b', 'c']]));
    await eventually(() => expect(pushed.entries().size).toBe(0));
    await shared.change((_, revision) => ({ key: 'd', value: `d${revision}`, outcome: null }));
    await eventually(() => expect([...pushed.entries()]).toEqual([['d', 'd1']]));
    for (const state of [shared, pushed]) await state.close();
  });
});

describe('A watch of which the server skips anything, now and then', () => {
  it('tells everything, in order where that matters', { timeout: 30_000 }, async () => {
    let told = 0;
    isSkipped = () => ++told % 3 === 0;
    const shared = await openSharedState<number>(deaf, bucket);
    const pushed = await watchState<number>(deaf, { ...bucket, checkEveryMs: 50 });
    const revisions: number[] = [];
    shared.onChange((_, value) => {
      if (value !== undefined) revisions.push(value);
    });
    const writer = await openSharedState<number>(nats, bucket);
    for (let round = 0; round < 40; round++)
      await writer.change((_, revision) => ({ key: `key-${round % 7}`, value: revision, outcome: null }));
    const expected = Array.from({ length: 7 }, (_, index) => 34 + index);
    for (const state of [shared, pushed])
      await eventually(() => expect([...state.entries().values()].toSorted((a, b) => a - b)).toEqual(expected));
    expect(revisions).toEqual([...new Set(revisions)].toSorted((a, b) => a - b));
    expect(skipped.length).toBeGreaterThan(10);
    for (const state of [shared, pushed, writer]) await state.close();
  });
});
