import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kvm } from '@nats-io/kv';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { connectNats, type Nats } from '../nats.ts';
import { openStateWriter, watchState } from '../pushed-state.ts';
import { bucketName } from '../subjects.ts';
import { natsUrl } from './nats-under-test.ts';
import { openPrivateNats } from './private-nats.ts';

type Record = { readonly name: string };
const namespace = `t${randomBytes(5).toString('hex')}`;
let nats: Nats;
let folder: string;
let snapshotFile: string;
let bucket: { bucket: string };
let count = 0;
beforeAll(async () => {
  nats = await connectNats({ url: natsUrl(), name: namespace, namespace });
  folder = await mkdtemp(join(tmpdir(), 'tenantry-state-'));
});
afterAll(async () => {
  await nats.close();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => {
  bucket = { bucket: `state${++count}` };
  snapshotFile = join(folder, 'deep', `state${count}.json`);
});

describe('A reader of pushed state', () => {
  it('knows everything at its start, then every change and every removal', async () => {
    const writer = await openStateWriter<Record>(nats, bucket);
    for (const key of ['a', 'b', 'gone']) await writer.put(key, { name: key });
    await writer.remove('gone');
    const state = await watchState<Record>(nats, bucket);
    expect(Object.fromEntries(state.entries())).toEqual({ a: { name: 'a' }, b: { name: 'b' } });
    expect(await writer.load()).toEqual(state.entries());

    const heard: [string, Record | undefined][] = [];
    state.onChange((key, value) => heard.push([key, value]));
    await writer.put('a', { name: 'A' });
    await writer.put('c', { name: 'c' });
    await writer.remove('b');
    await eventually(() =>
      expect(heard).toEqual([
        ['a', { name: 'A' }],
        ['c', { name: 'c' }],
        ['b', undefined],
      ]),
    );
    expect(Object.fromEntries(state.entries())).toEqual({ a: { name: 'A' }, c: { name: 'c' } });
    await state.close();
  });

  it('begins with an empty bucket that nobody has written to', async () => {
    const state = await watchState<Record>(nats, bucket);
    expect(state.entries().size).toBe(0);
    await (await openStateWriter<Record>(nats, bucket)).put('first', { name: 'x' });
    await eventually(() => expect(state.get('first')).toEqual({ name: 'x' }));
    await state.close();
  });

  it('can ask the bucket itself', async () => {
    const writer = await openStateWriter<Record>(nats, bucket);
    const state = await watchState<Record>(nats, bucket);
    await writer.put('a', { name: 'new' });
    expect(await state.refresh('a')).toEqual({ name: 'new' });
    expect(await state.refresh('nobody')).toBeUndefined();
    await writer.remove('a');
    expect(await state.refresh('a')).toBeUndefined();
    await state.close();
  });

  it('hears of changes that were not pushed to it', async () => {
    const writer = await openStateWriter<Record>(nats, bucket);
    await writer.put('removed', { name: 'old' });
    const state = await watchState<Record>(nats, { ...bucket, checkEveryMs: 50 });
    const stream = `KV_${bucketName(namespace, bucket.bucket)}`;
    for await (const { name } of nats.manager.consumers.list(stream)) await nats.manager.consumers.delete(stream, name);
    await writer.put('a', { name: 'A' });
    await writer.put('a', { name: 'B' });
    await writer.remove('removed');
    await eventually(() => expect(Object.fromEntries(state.entries())).toEqual({ a: { name: 'B' } }));
    expect(state.silentForMs()).toBeLessThan(3_000);
    await state.close();
  });

  it('misses nothing while keys come and go quickly', { timeout: 60_000 }, async () => {
    const writer = await openStateWriter<{ filler: string }>(nats, bucket);
    const filler = 'x'.repeat(20_000);
    const states = await Promise.all(
      Array.from({ length: 5 }, () => watchState<{ filler: string }>(nats, { ...bucket, checkEveryMs: 50 })),
    );
    for (let round = 0; round < 200; round++) {
      await writer.put(`key-${round}`, { filler });
      if (round >= 6) await writer.remove(`key-${round - 6}`);
    }
    const expected = Array.from({ length: 6 }, (_, index) => `key-${194 + index}`);
    for (const state of states)
      await eventually(() => expect([...state.entries().keys()].toSorted()).toEqual(expected));
    await Promise.all(states.map((state) => state.close()));
  });

  it('survives a value that is not JSON and a listener that throws', async () => {
    const kv = await new Kvm(nats.jetstream).create(bucketName(namespace, bucket.bucket));
    const state = await watchState<Record>(nats, bucket);
    const warnings: unknown[] = [];
    const warned = (warning: unknown) => warnings.push(warning);
    process.on('warning', warned);
    state.onChange(() => {
      throw new Error('a mistake of the listener');
    });
    await kv.put('broken', '{');
    await kv.put('whole', '{"name":"w"}');
    await eventually(() => expect(state.get('whole')).toEqual({ name: 'w' }));
    expect(state.get('broken')).toBeUndefined();
    await eventually(() => expect(warnings).toHaveLength(2));
    process.off('warning', warned);
    await state.close();
  });

  it('forgets what has grown too old, as the bucket does without telling', async () => {
    const ageing = { ...bucket, ttlMs: 1_000 };
    const writer = await openStateWriter<Record>(nats, ageing);
    await writer.put('a', { name: 'a' });
    const state = await watchState<Record>(nats, ageing);
    expect(state.get('a')).toEqual({ name: 'a' });
    await eventually(() => expect(state.get('a')).toBeUndefined());
    await state.close();
  });

  it('refuses keys that would be subjects of their own', async () => {
    const writer = await openStateWriter<Record>(nats, bucket);
    for (const key of ['', 'a b', 'a*', '>', 'ä'])
      await expect(writer.put(key, { name: '' })).rejects.toThrow(RangeError);
  });
});

describe('The snapshot on disk', () => {
  it('follows the bucket, is private, and what the bucket no longer has is dropped from it', async () => {
    const writer = await openStateWriter<Record>(nats, bucket);
    await writer.put('a', { name: 'a' });
    await writer.put('b', { name: 'b' });
    const state = await watchState<Record>(nats, { ...bucket, snapshotFile });
    const onDisk = async () => JSON.parse(await readFile(snapshotFile, 'utf8'));
    await eventually(async () => expect(await onDisk()).toEqual({ a: { name: 'a' }, b: { name: 'b' } }));
    expect((await stat(snapshotFile)).mode & 0o777).toBe(0o600);
    await state.close();
    await writer.remove('a');
    const next = await watchState<Record>(nats, { ...bucket, snapshotFile });
    expect(Object.fromEntries(next.entries())).toEqual({ b: { name: 'b' } });
    await next.close();
    expect(await onDisk()).toEqual({ b: { name: 'b' } });
  });

  it('is all that is known where the bucket is away at the start, and is replaced as soon as it is back', async () => {
    const server = await openPrivateNats();
    const own = await connectNats({ url: server.url, name: 'own', namespace });
    try {
      const writer = await openStateWriter<Record>(own, bucket);
      await writer.put('a', { name: 'a' });
      await (await watchState<Record>(own, { ...bucket, snapshotFile })).close();
      await writer.put('b', { name: 'b' });
      await server.kill();
      const state = await watchState<Record>(own, { ...bucket, snapshotFile });
      expect(Object.fromEntries(state.entries())).toEqual({ a: { name: 'a' } });
      await server.restart();
      await eventually(() => expect(state.get('b')).toEqual({ name: 'b' }));
      await state.close();
    } finally {
      await own.close();
      await server.close();
    }
  });

  it('that is damaged counts as none', async () => {
    const writer = await openStateWriter<Record>(nats, bucket);
    await writer.put('a', { name: 'a' });
    await (await watchState<Record>(nats, { ...bucket, snapshotFile })).close();
    await writeFile(snapshotFile, '{"a":{"name"');
    const state = await watchState<Record>(nats, { ...bucket, snapshotFile });
    expect(Object.fromEntries(state.entries())).toEqual({ a: { name: 'a' } });
    await state.close();
  });
});
