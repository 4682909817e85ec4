import { hearEverywhere } from '@tenantry/events/hear-everywhere.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import { assemble } from '@tenantry/kit/import-manager/assemble.ts';
import { openService, type RunningService, type ServiceOverrides } from '@tenantry/kit/lifecycle/service.ts';
import { Bulkhead } from '@tenantry/resilience/bulkhead.ts';
import type { SubscriptionsConfiguration } from './config.ts';
import { invoiceConsumers } from './consumers/invoices.ts';
import { tenantConsumers } from './consumers/tenants.ts';
import { catalogueChanged } from './contract/events.ts';
import { entitlementRoutes } from './routes/entitlements.ts';
import { planRoutes } from './routes/plans.ts';
import { subscriptionRoutes } from './routes/subscriptions.ts';
import { tenantSubscriptionRoutes } from './routes/tenant-subscription.ts';
import { useRoutes } from './routes/uses.ts';
import { dueHandlers } from './schedule/due-handlers.ts';
import type { SubscriptionsTables } from './store/tables.ts';
import { createUsageEvents } from './store/usage-events.ts';
import { cancelSubscription } from './use-cases/cancel-subscription.ts';
import { consumeEntitlement } from './use-cases/consume-entitlement.ts';
import { createSubscription } from './use-cases/create-subscription.ts';
import { endAbandonedCollection } from './use-cases/end-abandoned-collection.ts';
import { endGracePeriod } from './use-cases/end-grace.ts';
import { endSubscriptionPeriod } from './use-cases/end-period.ts';
import { ensurePlans } from './use-cases/ensure-plans.ts';
import { createExportGate } from './use-cases/export-gate.ts';
import { createExportSchedule } from './use-cases/export-schedule.ts';
import { exportUsage } from './use-cases/export-usage.ts';
import { followOrder } from './use-cases/follow-order.ts';
import { hearInvoiceFact } from './use-cases/hear-invoice.ts';
import { listPlans } from './use-cases/list-plans.ts';
import { listSubscriptions } from './use-cases/list-subscriptions.ts';
import { readEntitlements } from './use-cases/read-entitlements.ts';
import { readPlan } from './use-cases/read-plan.ts';
import { readSubscription } from './use-cases/read-subscription.ts';
import { readUsage } from './use-cases/read-usage.ts';
import { releaseUse } from './use-cases/release-use.ts';
import { resumeCollection } from './use-cases/resume-collection.ts';
import { retryExport } from './use-cases/retry-export.ts';
import { createTenantPlans } from './use-cases/tenant-plans.ts';
import { tenantSubscription } from './use-cases/tenant-subscription.ts';

/** Of the ten connections of this process; and more waiting than a burst on one quota brings. */
const COUNTING = { maxConcurrent: 6, maxQueued: 5_000 };

/** Knows nothing of processes, so the same service runs on its own or beside others in one. */
export const openSubscriptions = (
  configuration: SubscriptionsConfiguration,
  overrides: ServiceOverrides = {},
): Promise<RunningService> =>
  openService<SubscriptionsTables, SubscriptionsConfiguration>({
    name: 'subscriptions',
    configuration,
    create: async (platform, { SUBSCRIPTION_GRACE_DAYS: graceDays }) => {
      const usageEvents = createUsageEvents(platform.databases);
      const plans = createTenantPlans(platform.databases);
      const hearing = hearEverywhere({
        nats: platform.nats,
        event: catalogueChanged,
        onEvent: ({ tenantid }) => plans.invalidate(tenantid as TenantId),
        onGap: plans.clear,
        onError: (error) => platform.logger.warn({ err: error }, 'changed plans are not heard of; they count in 30 s'),
      });
      const { parts: app } = await assemble(
        {
          ...platform,
          graceDays,
          usageEvents,
          plans,
          ensurePlans,
          exportSchedule: createExportSchedule(),
          exportGate: createExportGate(platform),
          countingPlaces: new Bulkhead({ name: 'Counting of usage', ...COUNTING }),
        },
        {
          cancelSubscription,
          consumeEntitlement,
          createSubscription,
          endAbandonedCollection,
          endGracePeriod,
          endSubscriptionPeriod,
          exportUsage,
          followOrder,
          hearInvoiceFact,
          listPlans,
          listSubscriptions,
          readEntitlements,
          readPlan,
          readSubscription,
          readUsage,
          releaseUse,
          resumeCollection,
          retryExport,
          tenantSubscription,
          planRoutes,
          subscriptionRoutes,
          tenantSubscriptionRoutes,
          entitlementRoutes,
          useRoutes,
          invoiceConsumers,
          tenantConsumers,
          dueHandlers,
        },
      );
      return {
        routes: [
          ...app.planRoutes,
          ...app.subscriptionRoutes,
          ...app.tenantSubscriptionRoutes,
          ...app.entitlementRoutes,
          ...app.useRoutes,
        ],
        subscriptions: [...app.invoiceConsumers, ...app.tenantConsumers],
        due: app.dueHandlers,
        close: hearing.stop,
        prepare: () =>
          usageEvents.prepare().catch((error: unknown) => {
            platform.logger.warn({ err: error }, 'ClickHouse cannot be reached; usage waits');
          }),
      };
    },
    ...overrides,
  });
