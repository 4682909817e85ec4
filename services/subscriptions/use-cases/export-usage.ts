import type { TenantId } from '@tenantry/kernel/id.ts';
import { listUnexported, markExported } from '../store/usage.ts';
import type { SubscriptionsDeps } from './deps.ts';

const BATCH = 1_000;

/**
 * Brings a tenant's new usage records to ClickHouse. A batch that was inserted and not marked, because the process died
 * in between, is inserted again, which changes nothing there. Throws `upstream-unavailable` while ClickHouse is away:
 * the records wait.
 * @returns how many were exported
 */
export const exportUsage =
  ({ databases, usageEvents }: Pick<SubscriptionsDeps, 'databases' | 'usageEvents'>) =>
  async (tenantId: TenantId): Promise<number> => {
    for (let exported = 0; ; ) {
      const records = await databases.withTenant.read(tenantId, (reader) => listUnexported(reader, BATCH));
      if (records.length === 0) return exported;
      await usageEvents.insert(tenantId, records);
      const uuids = records.map((record) => record.id);
      await databases.withTenant(tenantId, (uow) => markExported(uow, uuids));
      exported += records.length;
      if (records.length < BATCH) return exported;
    }
  };
