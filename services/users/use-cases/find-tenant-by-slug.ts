import type { TenantId } from '@tenantry/kernel/id.ts';
import type { UsersDeps } from '../deps.ts';
import { TENANT_SLUG } from '../store/tenants.ts';

/** Public endpoints name their tenant by its slug. Null when there is none. */
export const findTenantBySlug =
  ({ databases }: Pick<UsersDeps, 'databases'>) =>
  async (slug: string): Promise<TenantId | null> =>
    (await databases.lookups.find(TENANT_SLUG, slug))?.tenantId ?? null;
