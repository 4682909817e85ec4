import type { PlanId, TenantId } from '@tenantry/kernel/id.ts';
import { planNotFound } from '../problems.ts';
import { listPlans, type Plan } from '../store/plans.ts';
import type { SubscriptionsDeps } from './deps.ts';

export const readPlan =
  ({ databases }: SubscriptionsDeps) =>
  async (tenantId: TenantId, id: PlanId): Promise<Plan> => {
    const [plan] = await databases.withTenant.read(tenantId, (reader) => listPlans(reader, id));
    if (plan === undefined) throw planNotFound(`There is no plan ${id}. GET /v1/plans lists what can be bought.`);
    return plan;
  };
