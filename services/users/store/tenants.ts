import { isUniqueViolation } from '@tenantry/databases/postgres/errors.ts';
import type { NameClaim } from '@tenantry/databases/postgres/unique-names.ts';
import { slugTaken } from '../problems.ts';
import type { TenantRow, UsersReader, UsersUnitOfWork } from './tables.ts';

export const TENANT_SLUG = 'tenant-slug';

export const findTenant = (reader: UsersReader): Promise<TenantRow | undefined> =>
  reader.sql.selectFrom('tenants').selectAll().where('tenant_id', '=', reader.tenantUuid).executeTakeFirst();

export const lockTenant = (uow: UsersUnitOfWork): Promise<TenantRow | undefined> =>
  uow.sql.selectFrom('tenants').selectAll().where('tenant_id', '=', uow.tenantUuid).forUpdate().executeTakeFirst();

export const slugBelongsToAnother = (slug: string, cause?: unknown) =>
  slugTaken(`The slug ${slug} belongs to another tenant. Choose another one.`, { cause });

/** Takes the slug, under the claim that holds it over the whole platform. Throws `slug-taken`. */
export async function insertTenant(uow: UsersUnitOfWork, row: TenantRow, claim: NameClaim): Promise<void> {
  try {
    await uow.sql
      .insertInto('lookups')
      .values({ kind: TENANT_SLUG, key: row.slug, tenant_id: row.tenant_id, target: row.tenant_id, claim })
      .execute();
  } catch (error) {
    throw isUniqueViolation(error, 'lookups_pkey') ? slugBelongsToAnother(row.slug, error) : error;
  }
  await uow.sql.insertInto('tenants').values(row).execute();
}

export async function updateTenant(uow: UsersUnitOfWork, change: Partial<TenantRow>): Promise<TenantRow> {
  return uow.sql
    .updateTable('tenants')
    .set((eb) => ({ ...change, version: eb('version', '+', 1) }))
    .where('tenant_id', '=', uow.tenantUuid)
    .returningAll()
    .executeTakeFirstOrThrow();
}
