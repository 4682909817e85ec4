import { systemClock } from '@tenantry/kernel/clock.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import { openDatabases } from '../factory.ts';
import type { NotesTables } from './open-test-databases.ts';
import { takeNote } from './take-note.ts';

/** What the test that starts this process tells it. */
export type ClaimingRecipe = {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly masterKey: string;
  readonly namespace: string;
  readonly dataDir: string;
  readonly placement: { readonly databases: string; readonly placements: string };
  readonly tenant: TenantId;
  readonly key: string;
  readonly dies: 'before the unit of work' | 'before its commit' | 'after its commit';
};

const recipe = JSON.parse(process.env['RECIPE'] ?? '{}') as ClaimingRecipe;
const databases = openDatabases<NotesTables>({
  service: 'users',
  ...recipe,
  clickhouseUrl: '',
  clock: systemClock,
  traceparent: () => '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  onError: () => undefined,
});
const die = (when: ClaimingRecipe['dies']): void => {
  if (recipe.dies === when) process.kill(process.pid, 'SIGKILL');
};

await takeNote(databases, recipe.tenant, recipe.key, {
  claimed: () => die('before the unit of work'),
  written: () => die('before its commit'),
  committed: () => die('after its commit'),
});
