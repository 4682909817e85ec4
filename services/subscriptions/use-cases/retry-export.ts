import type { TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import { schedule } from '@tenantry/kit/due/schedule.ts';
import { DUE, type SubscriptionsDeps } from './deps.ts';

/**
 * Has a tenant's export tried again at `at`: one due row per tenant, however often it is asked for and by how many
 * processes. What is asked for while that very row is being done is lost, and left to the sweep.
 */
export const retryExport =
  ({ databases }: Pick<SubscriptionsDeps, 'databases'>) =>
  (tenantId: TenantId, at: Temporal.Instant): Promise<void> =>
    databases.withTenant(tenantId, (uow) => schedule(uow as TenantUnitOfWork, DUE.exportUsage, tenantId, at));
