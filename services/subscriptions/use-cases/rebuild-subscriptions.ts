import type { TenantReader } from '@tenantry/databases/unit-of-work.ts';
import { listStreams } from '@tenantry/events/event-store.ts';
import { idFromUuid, type TenantId } from '@tenantry/kernel/id.ts';
import { FIRST_EVENTS, loadSubscription, toRow, writeRow } from '../store/subscriptions.ts';
import type { SubscriptionsDeps } from './deps.ts';

/**
 * Shows every subscription of a tenant anew from its stream. May run beside writers: a row never goes back to an older
 * version, and one that is written meanwhile is right already.
 * @returns how many were replayed
 */
export const rebuildSubscriptions =
  ({ databases }: Pick<SubscriptionsDeps, 'databases'>) =>
  async (tenantId: TenantId): Promise<number> => {
    const uuids = await databases.withTenant.read(tenantId, (reader) =>
      listStreams(reader as TenantReader, FIRST_EVENTS),
    );
    for (const uuid of uuids) {
      await databases.withTenant(tenantId, async (uow) => {
        const subscription = await loadSubscription(uow, idFromUuid('sub', uuid));
        if (subscription !== null) await writeRow(uow, toRow(uow.tenantUuid, subscription));
      });
    }
    return uuids.length;
  };
