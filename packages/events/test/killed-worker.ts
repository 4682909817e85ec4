import { event } from '@tenantry/contract/event.ts';
import { openDatabases } from '@tenantry/databases/factory.ts';
import { systemClock } from '@tenantry/kernel/clock.ts';
import { Type } from 'typebox';
import { startConsumers } from '../consumer.ts';
import { connectNats } from '../nats.ts';
import { startOutboxRelay } from '../outbox-relay.ts';
import { on } from '../subscription.ts';

export const stepTaken = event('users.walker.stepped.v1', Type.Object({ step: Type.Integer() }));

/** `told` is written with the event, `heard` by its handler, in the order of `place`; nothing forbids a step twice. */
export type WalkerTables = {
  told: { tenant_id: string; walker: string; step: number };
  heard: { tenant_id: string; walker: string; step: number };
};

/** What the test that starts this process tells it: the address of everything, and which half of the way it is. */
export type WorkerRecipe = {
  readonly role: 'relay' | 'consumer';
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly natsUrl: string;
  readonly masterKey: string;
  readonly dataDir: string;
};

export const openWalkers = (recipe: Omit<WorkerRecipe, 'role' | 'natsUrl'>) =>
  openDatabases<WalkerTables>({
    service: 'users',
    databaseUrl: recipe.databaseUrl,
    redisUrl: recipe.redisUrl,
    masterKey: recipe.masterKey,
    dataDir: recipe.dataDir,
    namespace: '',
    clickhouseUrl: '',
    clock: systemClock,
    traceparent: () => '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    onError: () => undefined,
  });

async function work(recipe: WorkerRecipe): Promise<void> {
  process.once('disconnect', () => process.exit());
  const databases = openWalkers(recipe);
  const nats = await connectNats({ url: recipe.natsUrl, name: recipe.role, namespace: '' });
  const both = { service: 'users', nats, pool: databases.workerPool, onError: () => undefined };
  if (recipe.role === 'relay') startOutboxRelay(both);
  else
    await startConsumers<WalkerTables>({
      ...both,
      withTenant: databases.withTenant,
      subscriptions: [
        on<typeof stepTaken, WalkerTables>(stepTaken, async (uow, { subject, data }) => {
          await uow.sql
            .insertInto('heard')
            .values({ tenant_id: uow.tenantUuid, walker: subject, step: data.step })
            .execute();
        }),
      ],
    });
}

if (process.env['WORKER_RECIPE'] !== undefined) await work(JSON.parse(process.env['WORKER_RECIPE']) as WorkerRecipe);
