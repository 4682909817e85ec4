import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { createQueueConnection } from '@tenantry/databases/redis.ts';
import type { EmbeddedServer } from '@tenantry/deploy/embedded/embedded-server.ts';
import { startNats } from '@tenantry/deploy/embedded/nats.ts';
import { startPostgres } from '@tenantry/deploy/embedded/postgres.ts';
import { startRedis } from '@tenantry/deploy/embedded/redis.ts';
import { migrateAll } from '@tenantry/deploy/migrate/migrate.ts';
import { emit } from '@tenantry/events/emit.ts';
import { connectNats } from '@tenantry/events/nats.ts';
import { startOutboxRelay } from '@tenantry/events/outbox-relay.ts';
import { newId } from '@tenantry/kernel/id.ts';
import { Queue } from 'bullmq';
import { benchTicked, type EventStores, type Heard, monotonicMs, openBenchDatabases, QUEUE } from '../events/orders.ts';
import type { Score } from '../load/metronome.ts';
import { summarize } from '../statistics.ts';
import { ms, type Row } from '../table.ts';

const PER_SECOND = 500;
const SLICE_SECONDS = 4;
const LEAD_IN = PER_SECOND;
const COUNT = LEAD_IN + SLICE_SECONDS * PER_SECOND;
const CYCLES = 3;

/**
 * The clock runs from a commit to a handler: no flush to disk lies between them. But every handler ends with one, and a disk
 * that takes a tenth of a second now and then, as a shared one does, would keep the connections that the next ones need.
 * BullMQ's Redis flushes once a second and waits for none. So files lie in memory where there is a file system for that.
 */
const IN_MEMORY = ['/dev/shm'].find(existsSync);

type Tell = (index: number) => Promise<unknown>;
/** Of each event: from the call and from its answer to the first line of the handler, in ms. */
type Latencies = { readonly fromCall: number[]; readonly fromAnswer: number[] };

/**
 * At a steady pace whatever the answers do: a transaction that tells an event, until its handler begins in another process
 * (outbox, relay, JetStream, consumer, inbox); and in turn with it a job added to BullMQ, until its processor begins in that
 * same process. The relay runs where the event is told, as in a service.
 */
export async function eventOpenLoopRows(): Promise<Row[]> {
  const folder = mkdtempSync(join(IN_MEMORY ?? tmpdir(), 'tenantry-bench-'));
  const servers: EmbeddedServer[] = [];
  try {
    return await measure(await startStores(folder, servers));
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
    rmSync(folder, { recursive: true, force: true });
  }
}

async function startStores(folder: string, servers: EmbeddedServer[]): Promise<EventStores> {
  const at = (name: string) => ({
    dataDir: join(folder, name),
    logFile: join(folder, `${name}.log`),
    serversDir:
      process.env['TENANTRY_SERVERS_DIR'] ?? fileURLToPath(new URL('../../.tenantry/servers', import.meta.url)),
  });
  const masterKey = 'be'.repeat(32);
  const [postgres, redis, nats] = await Promise.all([
    startPostgres(at('postgres')),
    startRedis(at('redis')),
    startNats(at('nats')),
  ]);
  servers.push(postgres, redis, nats);
  const url = new URL(postgres.url);
  url.pathname = '/tenantry';
  await migrateAll({ adminUrl: url.href, masterKey });
  return { databaseUrl: url.href, redisUrl: redis.url, natsUrl: nats.url, masterKey, dataDir: join(folder, 'data') };
}

async function measure(stores: EventStores): Promise<Row[]> {
  const databases = openBenchDatabases(stores);
  const nats = await connectNats({ url: stores.natsUrl, name: 'bench-tells', namespace: '' });
  const relay = startOutboxRelay({
    service: 'users',
    pool: databases.workerPool,
    nats,
    committed: databases.committed,
    onError: (error) => console.error(error),
  });
  const connection = createQueueConnection({
    url: stores.redisUrl,
    isWorker: false,
    onError: (error) => console.error(error),
  });
  const queue = new Queue(QUEUE, { connection });
  await queue.waitUntilReady();
  const hearing = fork(new URL('../events/hearing-process.ts', import.meta.url), [JSON.stringify(stores)]);
  try {
    await once(hearing, 'message');
    const tenant = newId('ten');
    const emitOne: Tell = (index) =>
      databases.withTenant(tenant, (uow) =>
        emit(uow, benchTicked, { subject: newId('bnc'), version: 1, data: { index } }),
      );
    const addOne: Tell = (index) => queue.add('tick', { index }, { removeOnComplete: true, removeOnFail: true });
    const ours: Latencies = { fromCall: [], fromAnswer: [] };
    const theirs: Latencies = { fromCall: [], fromAnswer: [] };
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      await playSlice(hearing, emitOne, ours);
      await playSlice(hearing, addOne, theirs);
    }
    return toRows(ours, theirs);
  } finally {
    hearing.kill();
    if (hearing.exitCode === null && hearing.signalCode === null) await once(hearing, 'exit');
    await queue.close();
    connection.disconnect();
    await relay.stop();
    await nats.close();
    await databases.close();
  }
}

async function playSlice(hearing: ChildProcess, tell: Tell, into: Latencies): Promise<void> {
  const calledMs: number[] = [];
  const answeredMs: number[] = [];
  const telling: Promise<void>[] = [];
  const score: Score = { perSecond: PER_SECOND, count: COUNT, startNs: process.hrtime.bigint() + 200_000_000n };
  const metronome = new Worker(new URL('../load/metronome.ts', import.meta.url), { workerData: score });
  metronome.on('message', (index: number) => {
    calledMs[index] = monotonicMs();
    telling.push(
      tell(index).then(() => {
        answeredMs[index] = monotonicMs();
      }),
    );
  });
  await once(metronome, 'exit');
  await Promise.all(telling);
  const heard: [number, number][] = [];
  const deadline = Date.now() + 20_000;
  while (heard.length < COUNT && Date.now() < deadline) {
    hearing.send('what');
    const [more] = (await once(hearing, 'message')) as [Heard];
    for (const [index, atMs] of more) heard.push([index, atMs]);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  if (heard.length !== COUNT) throw new Error(`${heard.length} of ${COUNT} were heard.`);
  for (const [index, atMs] of heard) {
    if (index < LEAD_IN) continue;
    into.fromCall.push(atMs - (calledMs[index] ?? Number.NaN));
    // The answer can reach us after the handler has begun; that took no time that a caller could see.
    into.fromAnswer.push(Math.max(atMs - (answeredMs[index] ?? Number.NaN), 0));
  }
}

function toRows(ours: Latencies, theirs: Latencies): Row[] {
  const [commit, call] = [summarize(ours.fromAnswer), summarize(ours.fromCall)];
  const [added, add] = [summarize(theirs.fromAnswer), summarize(theirs.fromCall)];
  const against = (sample: { p50: number }, name: string): string =>
    `${(sample.p50 / add.p50).toFixed(2)} x BullMQ, ${name}`;
  return [
    {
      what: `Event: commit to handler in another process, open loop, ${PER_SECOND}/s`,
      p50: ms(commit.p50),
      p99: ms(commit.p99),
      ratio: `${against(commit, 'add to processor')}; asked: <= 1`,
      budget: '10 ms',
    },
    {
      what: 'The same, from before its transaction begins',
      p50: ms(call.p50),
      p99: ms(call.p99),
      ratio: against(call, 'add to processor'),
      budget: '-',
    },
    {
      what: `BullMQ: add to processor, open loop, ${PER_SECOND}/s (from the answer to add: ${ms(added.p50)}, p99 ${ms(added.p99)})`,
      p50: ms(add.p50),
      p99: ms(add.p99),
      ratio: '-',
      budget: '-',
    },
  ];
}
