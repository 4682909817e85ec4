import { findLookup } from '@tenantry/databases/postgres/worker-database.ts';
import { idFromUuid, type TenantId } from '@tenantry/kernel/id.ts';
import type { UsersDeps } from '../deps.ts';
import { TENANT_SLUG } from '../store/tenants.ts';

/** Public endpoints name their tenant by its slug. Null when there is none. */
export const findTenantBySlug =
  ({ databases }: Pick<UsersDeps, 'databases'>) =>
  async (slug: string): Promise<TenantId | null> => {
    const found = await findLookup(databases.worker, TENANT_SLUG, slug);
    return found === null ? null : idFromUuid('ten', found.tenantUuid);
  };
