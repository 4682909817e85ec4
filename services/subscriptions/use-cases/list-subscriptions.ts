import { type Principal, principalReach } from '@tenantry/auth/principal.ts';
import type { Page, PageQueryInput } from '@tenantry/contract/schemas.ts';
import { readPageQuery, toPage } from '@tenantry/kit/paging.ts';
import { listRows } from '../store/subscriptions.ts';
import type { SubscriptionRow } from '../store/tables.ts';
import type { SubscriptionsDeps } from './deps.ts';

/** One's own, or with tenant reach the tenant's. */
export const listSubscriptions =
  ({ databases }: SubscriptionsDeps) =>
  async (principal: Principal, query: PageQueryInput): Promise<Page<SubscriptionRow>> => {
    const page = readPageQuery(query);
    const subscriberId = principalReach(principal, 'subscription:read') === 'own' ? principal.id : null;
    const rows = await databases.withTenant.read(principal.tenantId, (reader) =>
      listRows(reader, { ...page, subscriberId }),
    );
    return toPage(
      rows,
      page.limit,
      (row) => row.id,
      (row) => row,
    );
  };
