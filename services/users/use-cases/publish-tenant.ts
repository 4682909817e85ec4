import { TENANTS_BUCKET, type TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { openStateWriter } from '@tenantry/events/pushed-state.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import type { UsersDeps } from '../deps.ts';
import { findTenant } from '../store/tenants.ts';
import { toTenantRecord } from './tenant-record.ts';

/**
 * Pushes the tenant's record to every process. Each change schedules one of these under an id of its own. Two of them at
 * once could push an older record last, so the row is read again afterwards, until what was pushed is what stands.
 */
export async function createTenantPublisher({
  databases,
  nats,
}: Pick<UsersDeps, 'databases' | 'nats'>): Promise<(tenantId: TenantId) => Promise<void>> {
  const bucket = await openStateWriter<TenantRecord>(nats, TENANTS_BUCKET);
  return async (tenantId) => {
    let pushedVersion = 0;
    for (;;) {
      const row = await databases.withTenant.read(tenantId, findTenant);
      if (row === undefined || row.version === pushedVersion) return;
      await bucket.put(tenantId, toTenantRecord(row));
      pushedVersion = row.version;
    }
  };
}
