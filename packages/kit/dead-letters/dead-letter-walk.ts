import type { Lookups } from '@tenantry/databases/postgres/lookups.ts';
import { DEAD_LETTER_LOOKUP, type DeadLetterPage } from '@tenantry/events/dead-letters.ts';
import { type TenantId, uuidOf } from '@tenantry/kernel/id.ts';

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
  lookups: Lookups,
  tenantId: TenantId | undefined,
  { beforeUuid, isInclusive, limit }: DeadLetterPage,
): Promise<LettersOfTenants> {
  const rows = await lookups.list(DEAD_LETTER_LOOKUP, {
    ...(tenantId === undefined ? {} : { tenantUuid: uuidOf(tenantId) }),
    by: 'key',
    before: beforeUuid,
    isInclusive: isInclusive ?? false,
    limit,
  });
  const byTenant = new Map<TenantId, string[]>();
  for (const { key, tenantId: owner } of rows) {
    byTenant.set(owner, [...(byTenant.get(owner) ?? []), key]);
  }
  return { byTenant, lastUuid: rows.length < limit ? null : (rows.at(-1)?.key ?? null) };
}

/** Whose letter this is; null when there is none. */
export const findTenantOfLetter = async (lookups: Lookups, letterUuid: string): Promise<TenantId | null> =>
  (await lookups.find(DEAD_LETTER_LOOKUP, letterUuid))?.tenantId ?? null;

/** After the letters themselves: a letter without its lookup would be hidden from whoever runs the platform. */
export const removeLookups = (lookups: Lookups, tenantId: TenantId, letterUuids: readonly string[]): Promise<void> =>
  lookups.remove(tenantId, DEAD_LETTER_LOOKUP, letterUuids);
