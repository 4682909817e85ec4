import { newUuid } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { connectNats, type Nats } from '../nats.ts';
import { openBucket } from '../open-bucket.ts';
import { openStateWriter, watchState } from '../pushed-state.ts';
import { openRevisedBucket } from '../revised-bucket.ts';
import { openSharedState } from '../shared-state.ts';
import { natsUrl } from './nats-under-test.ts';

let nats: Nats;
beforeAll(async () => {
  const namespace = `gone${newUuid().slice(-12)}`;
  nats = await connectNats({ url: natsUrl(), name: namespace, namespace });
});
afterAll(() => nats.close());

/** What lies in a bucket of a removed key, for how long; undefined: for ever. */
async function lifeOfMark(bucket: string): Promise<{ readonly operation: string; readonly life: string | undefined }> {
  const kv = await openBucket(nats, { bucket });
  const { streamInfo } = await kv.status();
  const message = await nats.manager.streams.getMessage(streamInfo.config.name, { seq: streamInfo.state.last_seq });
  const header = (name: string): string => message?.header.get(name) ?? '';
  return { operation: header('KV-Operation'), life: header('Nats-TTL') || undefined };
}

const WAYS: Readonly<Record<string, (bucket: string) => Promise<void>>> = {
  async pushed(bucket) {
    const writer = await openStateWriter<string>(nats, { bucket });
    await writer.put('key', 'value');
    await writer.remove('key');
    expect(await writer.load()).toEqual(new Map());
  },
  async revised(bucket) {
    const revised = openRevisedBucket<string>(nats, { bucket });
    expect(await revised.create('key', 'value')).toBe(true);
    const { revision = 0 } = (await revised.get('key')) ?? {};
    expect(await revised.remove('key', revision + 1)).toBe(false);
    expect(await revised.remove('key', revision)).toBe(true);
    expect(await revised.remove('key', revision)).toBe(false);
    expect(await revised.get('key')).toBeNull();
  },
  async shared(bucket) {
    const shared = await openSharedState<string>(nats, { bucket });
    await shared.change(() => ({ key: 'key', value: 'value', outcome: null }));
    await shared.change(() => ({ key: 'key', value: undefined, outcome: null }));
    expect(shared.entries().size).toBe(0);
    await shared.close();
  },
};

describe('A key that is removed', () => {
  it.each(Object.keys(WAYS))(
    'from a %s bucket leaves a mark for a day where the server can, else for good',
    async (way) => {
      await WAYS[way]?.(way);
      const life = nats.features.expiringMarks ? '24h' : undefined;
      expect(await lifeOfMark(way)).toEqual({ operation: 'PURGE', life });
    },
  );

  it('is written again as if it had never been there', async () => {
    const writer = await openStateWriter<string>(nats, { bucket: 'again' });
    const state = await watchState<string>(nats, { bucket: 'again' });
    await writer.put('key', 'one');
    await writer.remove('key');
    await writer.put('key', 'two');
    expect(await state.refresh('key')).toBe('two');
    await state.close();
  });

  it('loses its mark although no message follows, and readers stay whole', async ({ skip }) => {
    if (!nats.features.expiringMarks) skip('This server keeps marks for good.');
    const kv = await openBucket(nats, { bucket: 'brief' });
    const state = await watchState<string>(nats, { bucket: 'brief', checkEveryMs: 50 });
    await kv.put('stays', JSON.stringify('here'));
    await kv.put('key', JSON.stringify('value'));
    await kv.purge('key', { ttl: '1s' });
    const { streamInfo } = await kv.status();
    const left = async () => (await nats.manager.streams.info(streamInfo.config.name)).state.messages;
    await eventually(async () => expect(await left()).toBe(1));
    await eventually(() => expect([...state.entries()]).toEqual([['stays', 'here']]));
    await kv.put('later', JSON.stringify('too'));
    await eventually(() => expect(state.get('later')).toBe('too'));
    await state.close();
  });
});
