import { event } from '@tenantry/contract/event.ts';
import { Closed } from '@tenantry/contract/schemas.ts';
import { deriveNatsToken } from '@tenantry/databases/credentials.ts';
import { startConsumers } from '@tenantry/events/consumer.ts';
import { emit } from '@tenantry/events/emit.ts';
import { connectNats } from '@tenantry/events/nats.ts';
import { startOutboxRelay } from '@tenantry/events/outbox-relay.ts';
import { on } from '@tenantry/events/subscription.ts';
import { newId, type TenantId } from '@tenantry/kernel/id.ts';
import { Type } from 'typebox';
import type { Stand } from '../stand.ts';
import { summarize } from '../statistics.ts';
import { ms, type Row } from '../table.ts';
import { openUsersDatabases } from '../users-databases.ts';

const measured = event('users.bench.measured.v1', Closed({ index: Type.Integer() }));
const COUNT = 600;
const INTERVAL_MS = 5;

/** From the commit of an event to the first line of its handler: the relay of another process, JetStream, consumer, inbox. */
export async function eventRows(stand: Stand): Promise<Row[]> {
  const { natsUrl } = stand.storeUrls;
  const databases = openUsersDatabases<unknown>(stand);
  const nats = await connectNats({
    url: natsUrl,
    name: 'bench',
    namespace: '',
    token: deriveNatsToken(stand.masterKey),
  });
  // As any instance of users has one: it tells the relay that leads, which is users' own.
  const relay = startOutboxRelay({
    service: 'users',
    pool: databases.workerPool,
    nats,
    committed: databases.committed,
    onError: (error) => console.error(error),
  });
  const committedAt = new Map<number, number>();
  const handledAt = new Map<number, number>();
  const consumers = await startConsumers({
    service: 'bench',
    nats,
    withTenant: databases.withTenant,
    subscriptions: [
      on(measured, async (_uow, envelope) => {
        if (!handledAt.has(envelope.data.index)) handledAt.set(envelope.data.index, performance.now());
      }),
    ],
    onError: (error) => console.error(error),
  });
  for (let index = 0; index < COUNT; index++) {
    await databases.withTenant(stand.tenant.id as TenantId, (uow) =>
      emit(uow, measured, { subject: newId('bnc'), version: 1, data: { index } }),
    );
    committedAt.set(index, performance.now());
    await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
  }
  const deadline = Date.now() + 20_000;
  while (handledAt.size < COUNT && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
  await consumers.stop();
  await relay.stop();
  await nats.close();
  await databases.close();
  if (handledAt.size < COUNT) throw new Error(`Only ${handledAt.size} of ${COUNT} events arrived.`);
  // The commit's answer can reach us after the handler has begun; such an event took no time that a caller could see.
  const latencies = [...handledAt]
    .map(([index, at]) => Math.max(at - (committedAt.get(index) ?? at), 0))
    .slice(COUNT / 10);
  const sample = summarize(latencies);
  return [
    {
      what: `Event: commit to handler, ${Math.round(1_000 / (INTERVAL_MS + 1))}/s`,
      p50: ms(sample.p50),
      p99: ms(sample.p99),
      ratio: '-',
      budget: '10 ms',
    },
  ];
}
