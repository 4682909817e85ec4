import type { Principal } from '@tenantry/auth/principal.ts';
import type { PlanFeature } from '../domain/catalogue.ts';
import { type UsageOfQuota, usageOf } from '../domain/usage.ts';
import { listFeatures } from '../store/plans.ts';
import { readUsed } from '../store/usage.ts';
import { currentEntitlement } from './current-entitlement.ts';
import type { SubscriptionsDeps } from './deps.ts';
import { ensurePlans } from './ensure-plans.ts';

export type Entitlements = {
  readonly planSlug: string;
  readonly features: readonly PlanFeature[];
  readonly usage: readonly UsageOfQuota[];
};

export const readEntitlements =
  ({ databases, tenants }: SubscriptionsDeps) =>
  async (principal: Principal): Promise<Entitlements> => {
    const { currency, timeZone } = await tenants.get(principal.tenantId);
    return databases.withTenant(principal.tenantId, async (uow) => {
      const { planSlug, plan, period, counter } = await currentEntitlement(uow, principal.id, timeZone);
      let features = await listFeatures(uow, plan);
      if (features.length === 0) {
        await ensurePlans(uow, currency);
        features = await listFeatures(uow, plan);
      }
      const used = await readUsed(uow, counter);
      const usage = features.flatMap((feature) =>
        feature.kind === 'quota'
          ? [usageOf(feature.feature, feature.value, used.get(feature.feature) ?? 0, period.end)]
          : [],
      );
      return { planSlug, features, usage };
    });
  };
