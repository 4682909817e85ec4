import type { WorkerDatabase } from '@tenantry/databases/postgres/worker-database.ts';
import { DEAD_LETTER_LOOKUP, type DeadLetterPage } from '@tenantry/events/dead-letters.ts';
import { idFromUuid, type TenantId, uuidOf } from '@tenantry/kernel/id.ts';

/** Which letters there are of which tenant, newest event first: all that can be known of them outside of their tenants. */
export type LettersOfTenants = {
  readonly byTenant: ReadonlyMap<TenantId, readonly string[]>;
  /** Of the last that was looked at; null when there are no more. */
  readonly lastUuid: string | null;
};

/**
 * Letters lie behind row-level security tenant by tenant; whose there are is known from their lookups. One whose letter
 * is gone (the process ended between the two) is found in no tenant and does no harm.
 */
export async function findLettersOfTenants(
  worker: WorkerDatabase,
  tenantId: TenantId | undefined,
  { beforeUuid, isInclusive, limit }: DeadLetterPage,
): Promise<LettersOfTenants> {
  let query = worker.selectFrom('lookups').select(['key', 'tenant_id']).where('kind', '=', DEAD_LETTER_LOOKUP);
  if (tenantId !== undefined) query = query.where('tenant_id', '=', uuidOf(tenantId));
  if (beforeUuid !== null) query = query.where('key', isInclusive ? '<=' : '<', beforeUuid);
  const rows = await query.orderBy('key', 'desc').limit(limit).execute();
  const byTenant = new Map<TenantId, string[]>();
  for (const { key, tenant_id } of rows) {
    const owner = idFromUuid('ten', tenant_id);
    byTenant.set(owner, [...(byTenant.get(owner) ?? []), key]);
  }
  return { byTenant, lastUuid: rows.length < limit ? null : (rows.at(-1)?.key ?? null) };
}

/** Whose letter this is; null when there is none. */
export async function findTenantOfLetter(worker: WorkerDatabase, letterUuid: string): Promise<TenantId | null> {
  const { byTenant } = await findLettersOfTenants(worker, undefined, {
    beforeUuid: letterUuid,
    isInclusive: true,
    limit: 1,
  });
  const [found] = byTenant;
  return found?.[1].includes(letterUuid) === true ? found[0] : null;
}

/** After the letters themselves: a letter without its lookup would be hidden from whoever runs the platform. */
export async function removeLookups(worker: WorkerDatabase, letterUuids: readonly string[]): Promise<void> {
  if (letterUuids.length === 0) return;
  await worker
    .deleteFrom('lookups')
    .where('kind', '=', DEAD_LETTER_LOOKUP)
    .where('key', 'in', [...letterUuids])
    .execute();
}
