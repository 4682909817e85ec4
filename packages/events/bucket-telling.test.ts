import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BucketMessage } from './bucket-messages.ts';
import { BucketTelling } from './bucket-telling.ts';

const messageOf = (revision: number, key = `key-${revision}`): BucketMessage => ({
  key,
  revision,
  createdMs: 0,
  isRemoval: false,
  text: () => String(revision),
});

/** A bucket, and a reader of it that notes what it takes. Whatever has been superseded is not in `messages`. */
function setting(bucket: { firstRevision?: number; lastRevision: number; messages?: BucketMessage[] }) {
  const messages = bucket.messages ?? [];
  const taken: number[] = [];
  const keys = new Set<string>();
  const asked: (number | string)[] = [];
  const closing = new AbortController();
  let begunAnew = 0;
  let reached = 0;
  let finished = 0;
  let failing: number | string | null = null;
  const answer = <T>(question: number | string, value: T): Promise<T> => {
    asked.push(question);
    return failing === question ? Promise.reject(new Error('away')) : Promise.resolve(value);
  };
  const telling = new BucketTelling({
    source: {
      facts: async () => ({ firstRevision: bucket.firstRevision ?? 1, lastRevision: bucket.lastRevision }),
      at: (revision) => answer(revision, messages.find((message) => message.revision === revision) ?? null),
      keys: async () => [...new Set(messages.map(({ key }) => key))],
      latestOf: (key) => answer(key, messages.findLast((message) => message.key === key) ?? null),
    },
    reader: {
      restart: () => undefined,
      take(message) {
        taken.push(message.revision);
        keys.add(message.key);
      },
      hasTaken: (key) => keys.has(key),
      finish: () => finished++,
    },
    created: 'now',
    lastRevision: bucket.lastRevision,
    signal: closing.signal,
    reached: (revision) => {
      reached = revision;
    },
    beginAnew: () => {
      begunAnew++;
      closing.abort();
    },
  });
  return {
    telling,
    taken,
    asked,
    bucket,
    messages,
    closing,
    reached: () => reached,
    finished: () => finished,
    begunAnew: () => begunAnew,
    failAt: (question: number | string | null) => {
      failing = question;
    },
  };
}

const following = async (lastRevision: number) => {
  const one = setting({ lastRevision });
  await one.telling.tell(messageOf(lastRevision), true);
  one.taken.splice(0);
  return one;
};

describe('Telling a bucket', () => {
  it('asks for nothing while everything arrives in order, however the first values are spaced', async () => {
    const { telling, taken, asked, bucket, reached } = setting({ firstRevision: 3, lastRevision: 9 });
    for (const revision of [3, 7]) await telling.tell(messageOf(revision), false);
    expect(reached()).toBe(0);
    await telling.tell(messageOf(9), true);
    expect(reached()).toBe(9);
    bucket.lastRevision = 11;
    await telling.tell(messageOf(10), true);
    await telling.tell(messageOf(11), true);
    await telling.check();
    expect([asked, taken, reached()]).toEqual([[], [3, 7, 9, 10, 11], 11]);
  });

  it('asks for what was skipped as soon as something later arrives, and takes it before that', async () => {
    const { telling, taken, asked, messages, reached } = await following(9);
    messages.push(messageOf(10), messageOf(12));
    await telling.tell(messageOf(13), true);
    expect([asked, taken, reached()]).toEqual([[10, 11, 12], [10, 12, 13], 13]);
  });

  it('asks for what was skipped at the end when it asks how far the bucket is, and takes nothing twice', async () => {
    const { telling, taken, bucket, messages } = await following(9);
    messages.push(messageOf(10));
    bucket.lastRevision = 10;
    await Promise.all([telling.check(), telling.check()]);
    await telling.tell(messageOf(10), true);
    expect(taken).toEqual([10]);
  });

  it('asks again after a failure, from where it was', async () => {
    const { telling, taken, bucket, messages, failAt, reached } = await following(9);
    messages.push(messageOf(10), messageOf(11), messageOf(12));
    bucket.lastRevision = 12;
    failAt(11);
    await expect(telling.check()).rejects.toThrow('away');
    expect([taken, reached()]).toEqual([[], 9]);
    failAt(null);
    await telling.check();
    expect([taken, reached()]).toEqual([[10, 11, 12], 12]);
  });

  it('begins anew with a bucket that counts from one again, and when too much is missing', async () => {
    const again = await following(9);
    again.bucket.lastRevision = 4;
    await expect(again.telling.check()).rejects.toThrow('counts from one');
    expect(again.begunAnew()).toBe(1);
    const far = await following(9);
    far.bucket.lastRevision = 10_000;
    await expect(far.telling.check()).rejects.toThrow('Too much');
    expect([far.begunAnew(), far.asked]).toEqual([1, []]);
  });

  it('does not take an answer that was overtaken for a bucket that counts from one again', async () => {
    const { telling, bucket, begunAnew, taken } = await following(9);
    const checked = telling.check();
    bucket.lastRevision = 10;
    await telling.tell(messageOf(10), true);
    await checked;
    expect([begunAnew(), taken]).toEqual([0, [10]]);
  });

  it('does not ask for what the bucket no longer has', async () => {
    const { telling, asked, bucket } = await following(2);
    Object.assign(bucket, { firstRevision: 8, lastRevision: 8 });
    await telling.check();
    expect(asked).toEqual([8]);
  });

  it('takes nothing any more when another one has taken over', async () => {
    const { telling, taken, bucket, messages, closing } = await following(9);
    messages.push(messageOf(10));
    bucket.lastRevision = 10;
    const checked = telling.check();
    closing.abort();
    await expect(checked).rejects.toThrow();
    await expect(telling.tell(messageOf(10), true)).rejects.toThrow();
    expect(taken).toEqual([]);
  });
});

describe('The first part of a telling', () => {
  const three = () => setting({ lastRevision: 3, messages: [messageOf(1), messageOf(2), messageOf(3)] });

  it('is whole only with what it skipped', async () => {
    const { telling, taken, finished } = three();
    await telling.tell(messageOf(1), false);
    await telling.tell(messageOf(3), true);
    expect([taken, finished()]).toEqual([[1, 3, 2], 1]);
  });

  it('is not whole while what it skipped cannot be asked for', async () => {
    const { telling, finished, failAt, reached } = three();
    failAt('key-2');
    await telling.tell(messageOf(1), false);
    await expect(telling.tell(messageOf(3), true)).rejects.toThrow('away');
    expect([finished(), reached()]).toEqual([0, 0]);
  });

  it('is ended by a check when its very last message never comes', async () => {
    const { telling, taken, finished, reached } = three();
    await telling.tell(messageOf(1), false);
    await telling.tell(messageOf(2), false);
    expect(telling.isTalking()).toBe(true);
    expect(telling.isTalking()).toBe(false);
    await telling.check();
    expect([taken, finished(), reached()]).toEqual([[1, 2, 3], 1, 3]);
  });

  it('shows a change that was skipped while it was told, though its key was told before', async () => {
    const { telling, taken, messages } = three();
    await telling.tell(messageOf(1), false);
    await telling.tell(messageOf(2), false);
    await telling.tell(messageOf(3), false);
    messages.push(messageOf(4, 'key-1'), messageOf(5));
    await telling.tell(messageOf(5), true);
    await telling.tell(messageOf(6), true);
    expect(taken).toEqual([1, 2, 3, 5, 4, 6]);
  });
});

describe('Whatever is skipped, and whenever somebody checks', () => {
  it('everything that lies in the bucket is taken in the end, and what is told afterwards in its order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ key: fc.integer({ min: 0, max: 4 }), isSkipped: fc.boolean(), isChecked: fc.boolean() }), {
          maxLength: 40,
        }),
        fc.integer({ min: 0, max: 40 }),
        async (writes, told) => {
          const first = Math.min(told, writes.length);
          const latest = (until: number) => {
            const messages = new Map<string, BucketMessage>();
            for (const [index, { key }] of writes.slice(0, until).entries())
              messages.set(`k${key}`, messageOf(index + 1, `k${key}`));
            return [...messages.values()].toSorted((a, b) => a.revision - b.revision);
          };
          const one = setting({ lastRevision: first, messages: latest(first) });
          for (const message of latest(first))
            if (writes[message.revision - 1]?.isSkipped === false) await one.telling.tell(message, false);
          await one.telling.check();
          const atFirst = one.taken.length;
          for (let revision = first + 1; revision <= writes.length; revision++) {
            const write = writes[revision - 1] as (typeof writes)[number];
            one.messages.splice(0, one.messages.length, ...latest(revision));
            one.bucket.lastRevision = revision;
            if (!write.isSkipped) await one.telling.tell(messageOf(revision, `k${write.key}`), true);
            if (write.isChecked) await one.telling.check();
          }
          await one.telling.check();
          for (const { revision } of latest(writes.length)) expect(one.taken).toContain(revision);
          const afterwards = one.taken.slice(atFirst);
          expect(afterwards).toEqual([...new Set(afterwards)].toSorted((a, b) => a - b));
          expect([one.begunAnew(), one.finished(), one.reached()]).toEqual([0, 1, writes.length]);
        },
      ),
    );
  });
});
