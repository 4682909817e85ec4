import type { TenantId } from '@tenantry/kernel/id.ts';
import type { Plan } from '../store/plans.ts';
import type { SubscriptionsDeps } from './deps.ts';

export const listPlans =
  ({ plans, tenants }: Pick<SubscriptionsDeps, 'plans' | 'tenants'>) =>
  async (tenantId: TenantId): Promise<readonly Plan[]> => {
    const { currency } = await tenants.get(tenantId);
    return plans.of(tenantId, currency);
  };
