import type { Databases } from '@tenantry/databases/factory.ts';
import type { TenantReader, TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';
import type { Clock } from '@tenantry/kernel/clock.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import type { Currency } from '@tenantry/kernel/money.ts';
import type { Logger } from '@tenantry/kit/logger.ts';
import type { TenantDirectory } from '@tenantry/kit/tenants/directory.ts';
import type { Mesh } from '@tenantry/mesh/client.ts';
import type { Plan } from '../store/plans.ts';
import type { SubscriptionsTables } from '../store/tables.ts';
import type { UsageEvents } from '../store/usage-events.ts';

export type TenantPlans = {
  /** Made on their first use, in `currency`. While PostgreSQL is away, as they were known within the last hour. */
  readonly of: (tenantId: TenantId, currency: Currency) => Promise<readonly Plan[]>;
  /** Of this tenant, or of all: they may have changed. */
  readonly invalidate: (tenantId: TenantId) => void;
  readonly clear: () => void;
};

export type SubscriptionsDeps = {
  readonly databases: Databases<SubscriptionsTables>;
  readonly mesh: Mesh;
  readonly tenants: TenantDirectory;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly usageEvents: UsageEvents;
  readonly plans: TenantPlans;
  /** How long features go on while a renewal is not paid. */
  readonly graceDays: number;
};

export type SubscriptionsUow = TenantUnitOfWork<SubscriptionsTables>;
export type SubscriptionsReader = TenantReader<SubscriptionsTables>;

/** What falls due in this service, and whose id the row carries. */
export const DUE = {
  /** The invoice's: its collection must be asked for. */
  collect: 'subscription:collect',
  /** The subscription's: ask billing what becomes of an order, as long as it is incomplete. */
  followOrder: 'subscription:follow-order',
  /** The invoice's: nothing is given for it any more, so nobody is to pay it. */
  endCollection: 'subscription:end-collection',
  /** The subscription's: look at the end of its period, as long as it lives. */
  periodEnd: 'subscription:period-end',
  /** The grace's: nothing was paid. */
  graceEnd: 'subscription:grace-end',
  /** A second's: usage recorded in it is to be seen in ClickHouse. Or the tenant's: ClickHouse was away, and may be back. */
  exportUsage: 'usage:export',
  /** The tenant's, for ever: usage that could not be exported when it should have been. */
  sweepUsage: 'usage:sweep',
} as const;
