import { createQueueConnection } from '@tenantry/databases/redis.ts';
import { startConsumers } from '@tenantry/events/consumer.ts';
import { connectNats } from '@tenantry/events/nats.ts';
import { on } from '@tenantry/events/subscription.ts';
import { Worker } from 'bullmq';
import { benchTicked, type EventStores, monotonicMs, openBenchDatabases, QUEUE } from './orders.ts';

/** The service that hears: by our consumer, and as a worker of BullMQ. Both note the moment and do nothing more. */
const stores = JSON.parse(process.argv[2] ?? '') as EventStores;
let heard: [index: number, atMs: number][] = [];
const databases = openBenchDatabases(stores);
const nats = await connectNats({ url: stores.natsUrl, name: 'bench-hears', namespace: '' });
await startConsumers({
  service: 'users',
  nats,
  withTenant: databases.withTenant,
  pool: databases.workerPool,
  subscriptions: [
    on(benchTicked, async (_uow, { data }) => {
      heard.push([data.index, monotonicMs()]);
    }),
  ],
  onError: (error) => console.error(error),
});
const connection = createQueueConnection({
  url: stores.redisUrl,
  isWorker: true,
  onError: (error) => console.error(error),
});
const worker = new Worker<{ index: number }>(
  QUEUE,
  async ({ data }) => {
    heard.push([data.index, monotonicMs()]);
  },
  // As many side by side as our consumer has.
  { connection, concurrency: 64 },
);
await worker.waitUntilReady();
process.once('disconnect', () => process.exit());
process.on('message', () => {
  process.send?.(heard);
  heard = [];
});
process.send?.('ready');
