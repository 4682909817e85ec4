import { openDatabases } from '@tenantry/databases/factory.ts';
import { systemClock } from '@tenantry/kernel/clock.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import type { SubscriptionsTables } from '../store/tables.ts';
import { createUsageEvents } from '../store/usage-events.ts';
import { exportUsage } from '../use-cases/export-usage.ts';

/** Exports one tenant's usage, and stops for ever at the moment between the insert and its mark: it is there to be killed. */
const options = JSON.parse(process.argv[2] ?? '') as {
  readonly tenantId: TenantId;
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly clickhouseUrl: string;
  readonly masterKey: string;
  readonly dataDir: string;
  readonly namespace: string;
};
const databases = openDatabases<SubscriptionsTables>({
  ...options,
  service: 'subscriptions',
  clock: systemClock,
  traceparent: () => '',
  onError: () => undefined,
});
const usageEvents = createUsageEvents(databases);
await exportUsage({
  databases,
  usageEvents: {
    ...usageEvents,
    async insert(tenantId, records) {
      await usageEvents.insert(tenantId, records);
      console.log('inserted');
      await new Promise(() => undefined);
    },
  },
})(options.tenantId);
