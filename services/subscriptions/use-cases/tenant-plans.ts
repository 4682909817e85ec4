import type { Databases } from '@tenantry/databases/factory.ts';
import { createNearCache } from '@tenantry/databases/near-cache.ts';
import { uuidOf } from '@tenantry/kernel/id.ts';
import type { PlanFeature } from '../domain/catalogue.ts';
import { listPlans, type Plan } from '../store/plans.ts';
import type { SubscriptionsTables } from '../store/tables.ts';
import type { Entitlement } from './current-entitlement.ts';
import type { TenantPlans } from './deps.ts';
import { ensurePlans } from './ensure-plans.ts';

const FRESH_MS = 30_000;
const STALE_MS = 3_600_000;
/** About 3 kB each. */
const MOST_TENANTS = 2_000;

/**
 * What a tenant sells, kept in memory. Every process hears that a tenant's catalogue has changed and drops its copy; should
 * it not hear, as NATS is away, the copy is `FRESH_MS` old at most. Subscriptions and counters are never kept.
 */
export function createTenantPlans({ withTenant }: Pick<Databases<SubscriptionsTables>, 'withTenant'>): TenantPlans {
  const cache = createNearCache<readonly Plan[]>({ ttlMs: FRESH_MS, staleMs: STALE_MS, maxEntries: MOST_TENANTS });
  return {
    of: (tenantId, currency) =>
      cache.get(tenantId, async () => {
        const plans = await withTenant.read(tenantId, (reader) => listPlans(reader));
        // What is being made counts once it has committed.
        return plans.length > 0 ? plans : withTenant(tenantId, (uow) => ensurePlans(uow, currency));
      }),
    invalidate: cache.invalidate,
    clear: cache.clear,
  };
}

/** Null when the plan is not among them: made since they were looked up. */
export function featuresIn(plans: readonly Plan[], { plan }: Entitlement): readonly PlanFeature[] | null {
  const found = plans.find(({ id, slug }) => ('uuid' in plan ? uuidOf(id) === plan.uuid : slug === plan.slug));
  return found?.features ?? null;
}
