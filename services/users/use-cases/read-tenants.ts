import type { PageQueryInput } from '@tenantry/contract/schemas.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import { notFound } from '@tenantry/kernel/problems.ts';
import { readPageQuery } from '@tenantry/kit/paging.ts';
import type { UsersDeps } from '../deps.ts';
import type { TenantRow } from '../store/tables.ts';
import { findTenant, TENANT_SLUG } from '../store/tenants.ts';

export const readTenant =
  ({ databases }: Pick<UsersDeps, 'databases'>) =>
  async (tenantId: TenantId): Promise<TenantRow> => {
    const tenant = await databases.withTenant.read(tenantId, findTenant);
    if (tenant === undefined) throw notFound(`There is no tenant ${tenantId}.`);
    return tenant;
  };

/** For operators. Tenants lie behind row-level security one by one; which there are is known from their slugs. */
export const listTenants =
  ({ databases }: Pick<UsersDeps, 'databases'>) =>
  async (query: PageQueryInput): Promise<{ readonly rows: readonly TenantRow[]; readonly limit: number }> => {
    const page = readPageQuery(query);
    const slugs = await databases.lookups.list(TENANT_SLUG, {
      by: 'tenant_id',
      before: page.beforeUuid,
      limit: page.limit + 1,
    });
    const rows: TenantRow[] = [];
    for (const { tenantId } of slugs) {
      const tenant = await databases.withTenant.read(tenantId, findTenant);
      if (tenant !== undefined) rows.push(tenant);
    }
    return { rows, limit: page.limit };
  };
