import type { TenantId } from '@tenantry/kernel/id.ts';
import type { Plan } from '../store/plans.ts';
import type { SubscriptionsDeps } from './deps.ts';
import { ensurePlans } from './ensure-plans.ts';

export const listPlans =
  ({ databases, tenants }: SubscriptionsDeps) =>
  async (tenantId: TenantId): Promise<readonly Plan[]> => {
    const { currency } = await tenants.get(tenantId);
    return databases.withTenant(tenantId, (uow) => ensurePlans(uow, currency));
  };
