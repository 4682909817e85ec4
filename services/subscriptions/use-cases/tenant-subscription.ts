import { type Principal, tenantAsCustomer } from '@tenantry/auth/principal.ts';
import { idFromUuid, PLATFORM_TENANT_ID, type SubscriptionId } from '@tenantry/kernel/id.ts';
import { conflict } from '@tenantry/kernel/problems.ts';
import { subscriptionNotFound } from '../problems.ts';
import type { Plan } from '../store/plans.ts';
import { findLatestRow } from '../store/subscriptions.ts';
import type { SubscriptionRow } from '../store/tables.ts';
import { cancelSubscription } from './cancel-subscription.ts';
import { createSubscription, type NewSubscription } from './create-subscription.ts';
import type { SubscriptionsDeps } from './deps.ts';
import { listPlans } from './list-plans.ts';

/** What a tenant buys for itself: the same as what anybody buys, at tenant zero, with the tenant as the one who asks. */
export function tenantSubscription(deps: SubscriptionsDeps) {
  const list = listPlans(deps);
  const create = createSubscription(deps);
  const cancel = cancelSubscription(deps);

  /** What lives, else the newest that has ended: null when nothing was ever ordered. */
  const findLatest = (customer: Principal): Promise<SubscriptionRow | undefined> =>
    deps.databases.withTenant.read(customer.tenantId, (reader) => findLatestRow(reader, customer.id));

  const read = async (principal: Principal): Promise<SubscriptionRow> => {
    const row = await findLatest(tenantAsCustomer(principal));
    if (row === undefined)
      throw subscriptionNotFound(
        'Your tenant has ordered nothing from the platform. GET /v1/tenant/plans lists what it sells.',
      );
    return row;
  };

  return {
    listPlans: (): Promise<readonly Plan[]> => list(PLATFORM_TENANT_ID),
    read,
    async order(principal: Principal, id: SubscriptionId, order: NewSubscription) {
      if (principal.tenantId === PLATFORM_TENANT_ID)
        throw conflict('The platform sells these plans; it does not subscribe to them itself.');
      return create(tenantAsCustomer(principal), id, order);
    },
    /** @param only the one that is meant; without it what `read` shows */
    async cancel(principal: Principal, at: 'period-end' | 'now', only?: SubscriptionId): Promise<SubscriptionRow> {
      const id = only ?? idFromUuid('sub', (await read(principal)).id);
      return cancel(tenantAsCustomer(principal), id, at);
    },
  };
}
