import { idFromUuid, type TenantId } from '@tenantry/kernel/id.ts';
import { sql } from 'kysely';
import type { WorkerDatabase } from './worker-database.ts';

type Place = { readonly name: string; readonly worker: WorkerDatabase };

/**
 * Throws when a tenant has left traces in a database in which it does not live: its rows would stay behind, unseen, and
 * look as if they were lost. Told by the routing tables, as all else can be read as a tenant only. A database that does not
 * answer is passed over.
 */
export async function assertNobodyMisplaced(
  places: readonly Place[],
  databaseOf: (tenantId: TenantId) => string,
  onError: (name: string, error: unknown) => void,
): Promise<void> {
  // Of one database there is nothing to ask.
  if (places.length === 1) return;
  for (const { name, worker } of places) {
    const found = await tenantsIn(worker).catch((error: unknown) => {
      onError(name, error);
      return [];
    });
    const stray = found.find((tenantId) => databaseOf(tenantId) !== name);
    if (stray !== undefined)
      throw new Error(
        `${stray} is placed in ${databaseOf(stray)}, but has rows in ${name}. Correct TENANT_PLACEMENTS: a tenant cannot be moved by it.`,
      );
  }
}

async function tenantsIn(worker: WorkerDatabase): Promise<readonly TenantId[]> {
  const { rows } = await sql<{ tenant_id: string }>`
    select tenant_id from lookups union select tenant_id from due union select tenant_id from outbox`.execute(worker);
  return rows.map(({ tenant_id }) => idFromUuid('ten', tenant_id));
}
