import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connectNats, type Nats } from '../nats.ts';
import { openBucket } from '../open-bucket.ts';
import { natsUrl } from './nats-under-test.ts';

const namespace = `t${randomBytes(5).toString('hex')}`;
let connections: Nats[];
beforeAll(async () => {
  connections = await Promise.all(
    Array.from({ length: 8 }, () => connectNats({ url: natsUrl(), name: namespace, namespace })),
  );
});
afterAll(() => Promise.all(connections.map((nats) => nats.close())));

it('A bucket that several make at one instant is one bucket', async () => {
  for (let round = 0; round < 10; round++) {
    const bucket = `state${round}`;
    const [first, ...others] = await Promise.all(connections.map((nats) => openBucket(nats, { bucket })));
    await first?.put('key', 'value');
    for (const other of others) expect((await other.get('key'))?.string()).toBe('value');
  }
});
