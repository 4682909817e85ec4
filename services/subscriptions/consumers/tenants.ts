import { on, type Subscription } from '@tenantry/events/subscription.ts';
import type { TenantDirectory } from '@tenantry/kit/tenants/directory.ts';
import { tenantCreated } from '@tenantry/users/contract/events.ts';
import type { SubscriptionsTables } from '../store/tables.ts';
import type { SubscriptionsUow } from '../use-cases/deps.ts';
import type { ensurePlans } from '../use-cases/ensure-plans.ts';

/**
 * A new tenant gets its plans at once. Where its record has not been pushed yet, its first use makes them: to ask users
 * for it would be a network call inside the transaction.
 */
export const tenantConsumers = (deps: {
  readonly tenants: TenantDirectory;
  readonly ensurePlans: typeof ensurePlans;
}): readonly Subscription<SubscriptionsTables>[] => [
  on(tenantCreated, async (uow: SubscriptionsUow, event) => {
    const tenant = deps.tenants.peek(event.data.tenantId);
    if (tenant !== undefined) await deps.ensurePlans(uow, tenant.currency);
  }),
];
