import type { Principal } from '@tenantry/auth/principal.ts';
import type { PlanFeature } from '../domain/catalogue.ts';
import { type UsageOfQuota, usageOf } from '../domain/usage.ts';
import { listFeatures } from '../store/plans.ts';
import { readUsed } from '../store/usage.ts';
import { currentEntitlement } from './current-entitlement.ts';
import type { SubscriptionsDeps } from './deps.ts';
import { featuresIn } from './tenant-plans.ts';

export type Entitlements = {
  readonly planSlug: string;
  readonly features: readonly PlanFeature[];
  readonly usage: readonly UsageOfQuota[];
};

export const readEntitlements =
  ({ databases, plans, tenants }: Pick<SubscriptionsDeps, 'databases' | 'plans' | 'tenants'>) =>
  async (principal: Principal): Promise<Entitlements> => {
    const { currency, timeZone } = await tenants.get(principal.tenantId);
    const known = await plans.of(principal.tenantId, currency);
    return databases.withTenant.read(principal.tenantId, async (reader) => {
      const entitlement = await currentEntitlement(reader, principal.id, timeZone);
      const { planSlug, plan, period, counter } = entitlement;
      const features = featuresIn(known, entitlement) ?? (await listFeatures(reader, plan));
      const used = await readUsed(reader, counter);
      const usage = features.flatMap((feature) =>
        feature.kind === 'quota'
          ? [usageOf(feature.feature, feature.value, used.get(feature.feature) ?? 0, period.end)]
          : [],
      );
      return { planSlug, features, usage };
    });
  };
