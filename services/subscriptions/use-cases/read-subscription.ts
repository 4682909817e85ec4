import { mayReach, type Principal } from '@tenantry/auth/principal.ts';
import { idFromUuid, type SubscriptionId } from '@tenantry/kernel/id.ts';
import { subscriptionNotFound } from '../problems.ts';
import { findRow } from '../store/subscriptions.ts';
import type { SubscriptionRow } from '../store/tables.ts';
import type { SubscriptionsDeps } from './deps.ts';

export const readSubscription =
  ({ databases }: SubscriptionsDeps) =>
  async (principal: Principal, id: SubscriptionId): Promise<SubscriptionRow> => {
    const row = await databases.withTenant.read(principal.tenantId, (reader) => findRow(reader, id));
    const isVisible =
      row !== undefined && mayReach(principal, 'subscription:read', idFromUuid(row.subscriber_kind, row.subscriber_id));
    if (!isVisible) throw subscriptionNotFound(`There is no subscription ${id}.`);
    return row;
  };
