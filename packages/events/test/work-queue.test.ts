import { newId, type TenantId } from '@tenantry/kernel/id.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { connectNats, type Nats } from '../nats.ts';
import { bucketName } from '../subjects.ts';
import { openWorkQueue, type WorkQueue } from '../work-queue.ts';
import { natsUrl } from './nats-under-test.ts';

let nats: Nats;
let queues: WorkQueue<string>[];
let tenantId: TenantId;
let errors: unknown[];

beforeEach(async () => {
  nats = await connectNats({ url: natsUrl(), name: 'work', namespace: `work${newId('x').slice(-12)}` });
  queues = [];
  errors = [];
  tenantId = newId('ten');
});
afterEach(async () => {
  await Promise.all(queues.map((queue) => queue.close()));
  await nats.close();
});

function open(handle: (item: string) => Promise<boolean>): WorkQueue<string> {
  const onError = (error: unknown) => void errors.push(error);
  const queue = openWorkQueue<string>({ nats, name: 'chores', maxAgeMs: 60_000, handle, onError });
  queues.push(queue);
  return queue;
}
const left = async (): Promise<number> =>
  (await nats.manager.streams.info(bucketName(nats.namespace, 'chores'))).state.messages;

describe('Work that is put away', () => {
  it('is done once by one of all processes, and once however often it is put', async () => {
    const done: string[] = [];
    const handle = async (item: string) => done.push(item) > 0;
    const [one, two] = [open(handle), open(handle)];
    const items = Array.from({ length: 100 }, (_, i) => `item ${i}`);
    await Promise.all(items.flatMap((item) => [one.put(tenantId, item, item), two.put(tenantId, item, item)]));
    await eventually(async () => expect(await left()).toBe(0), 40_000);
    expect(done.toSorted()).toEqual(items.toSorted());
  });

  it('comes again until it is done, and is gone when that is hopeless', async () => {
    const tries = new Map<string, number>();
    const queue = open(async (item) => {
      tries.set(item, (tries.get(item) ?? 0) + 1);
      if (item === 'hopeless') throw new Error(item);
      return tries.get(item) === 3;
    });
    for (const item of ['slow', 'hopeless']) await queue.put(tenantId, item, item);
    await eventually(async () => expect(await left()).toBe(0), 40_000);
    expect(Object.fromEntries(tries)).toEqual({ slow: 3, hopeless: 1 });
    expect(errors).toEqual([expect.objectContaining({ message: 'hopeless' })]);
  });

  it('is left to the others by who closes, but for what is under way', async () => {
    const { promise: hold, resolve: goOn } = Promise.withResolvers<void>();
    const mine: string[] = [];
    const leaving = open(async (item) => {
      mine.push(item);
      await hold;
      return true;
    });
    const items = Array.from({ length: 40 }, (_, i) => `item ${i}`);
    for (const item of items) await leaving.put(tenantId, item, item);
    await eventually(() => expect(mine.length).toBeGreaterThan(0), 40_000);
    const closed = leaving.close();
    const theirs: string[] = [];
    open(async (item) => theirs.push(item) > 0);
    goOn();
    await closed;
    await eventually(async () => expect(await left()).toBe(0), 40_000);
    // What was held for too long comes to the others too: at least once is what is promised.
    expect(new Set([...mine, ...theirs])).toEqual(new Set(items));
    expect(theirs.length).toBeGreaterThan(0);
  }, 90_000);
});
