import { newUuid } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { connectNats, type Nats } from '../nats.ts';
import { watchState } from '../pushed-state.ts';
import { openRevisedBucket, type RevisedBucket } from '../revised-bucket.ts';
import { natsUrl } from './nats-under-test.ts';

let nats: Nats;
let one: RevisedBucket<{ name: string }>;
let other: RevisedBucket<{ name: string }>;
const SETTINGS = { bucket: 'things' };

beforeAll(async () => {
  nats = await connectNats({ url: natsUrl(), name: 'revised', namespace: `rv${newUuid().slice(-12)}` });
  one = openRevisedBucket(nats, SETTINGS);
  other = openRevisedBucket(nats, SETTINGS);
});
afterAll(() => nats.close());

describe('A bucket with several writers', () => {
  it('lets one of two create a key', async () => {
    const made = await Promise.all([one.create('a', { name: 'one' }), other.create('a', { name: 'other' })]);
    expect(made.toSorted()).toEqual([false, true]);
  });

  it('lets one of many change what all have read, and nobody what is gone', async () => {
    await one.create('b', { name: 'first' });
    const read = await one.get('b');
    const revision = read?.revision ?? 0;
    const changed = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        (index % 2 === 0 ? one : other).update('b', { name: `${index}` }, revision),
      ),
    );
    expect(changed.filter(Boolean)).toHaveLength(1);
    const now = await other.get('b');
    expect(now?.value.name).toBe(String(changed.indexOf(true)));
    expect(await other.remove('b', revision)).toBe(false);
    expect(await other.remove('b', now?.revision ?? 0)).toBe(true);
    expect(await one.get('b')).toBeNull();
    expect(await one.update('b', { name: 'late' }, now?.revision ?? 0)).toBe(false);
    expect(await one.create('b', { name: 'again' })).toBe(true);
  });

  it('is watched as any pushed state, removals too', async () => {
    const state = await watchState<{ name: string }>(nats, SETTINGS);
    await one.create('c', { name: 'seen' });
    await eventually(() => expect(state.get('c')).toEqual({ name: 'seen' }));
    await one.remove('c', (await one.get('c'))?.revision ?? 0);
    await eventually(() => expect(state.get('c')).toBeUndefined());
    await state.close();
  });
});
