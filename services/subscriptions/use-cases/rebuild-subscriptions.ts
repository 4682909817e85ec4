import { type RebuildOptions, type Rebuilt, rebuildReadModel } from '@tenantry/events/rebuild-read-model.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import { subscriptionReadModel } from '../store/subscriptions.ts';
import type { SubscriptionsDeps } from './deps.ts';

/** Shows every subscription of a tenant anew from its stream, beside whatever else goes on. */
export const rebuildSubscriptions =
  ({ databases }: Pick<SubscriptionsDeps, 'databases'>) =>
  (tenantId: TenantId, options?: RebuildOptions): Promise<Rebuilt> =>
    rebuildReadModel(databases.withTenant, tenantId, subscriptionReadModel, options);
