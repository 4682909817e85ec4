import { event } from '@tenantry/contract/event.ts';
import { openDatabases } from '@tenantry/databases/factory.ts';
import type { NotesTables } from '@tenantry/databases/test/open-test-databases.ts';
import { startConsumers } from '@tenantry/events/consumer.ts';
import { connectNats } from '@tenantry/events/nats.ts';
import { on } from '@tenantry/events/subscription.ts';
import { systemClock } from '@tenantry/kernel/clock.ts';
import { newUuid } from '@tenantry/kernel/id.ts';
import { Type } from 'typebox';
import { startHangWatch } from '../lifecycle/hang-watch.ts';

/** What the test that starts this process tells it. */
export type Recipe = {
  readonly type: `users.${string}.written.v1`;
  readonly poison: 'kills' | 'hangs';
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly natsUrl: string;
  readonly masterKey: string;
  readonly namespace: string;
  readonly dataDir: string;
};

const recipe = JSON.parse(process.env['RECIPE'] ?? '{}') as Recipe;
const written = event(recipe.type, Type.Object({ isPoison: Type.Boolean() }));

startHangWatch({ hangMs: 1_500 });
const nats = await connectNats({ url: recipe.natsUrl, name: 'poisonous', namespace: recipe.namespace });
const databases = openDatabases<NotesTables>({
  service: 'users',
  ...recipe,
  clickhouseUrl: '',
  clock: systemClock,
  traceparent: () => '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  onError: () => undefined,
});

const writeNote = on<typeof written, NotesTables>(written, async (uow, { subject, aggregateversion, data }) => {
  const text = `${subject} ${aggregateversion}`;
  await uow.sql.insertInto('notes').values({ tenant_id: uow.tenantUuid, id: newUuid(), text }).execute();
  if (!data.isPoison) return;
  if (recipe.poison === 'kills') process.kill(process.pid, 'SIGKILL');
  for (;;);
});

await startConsumers<NotesTables>({
  service: 'users',
  nats,
  pool: databases.workerPool,
  withTenant: databases.withTenant,
  subscriptions: [writeNote],
  onError: () => undefined,
});
