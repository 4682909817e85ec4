import type { Clock } from '@tenantry/kernel/clock.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import type { DueHandler } from '@tenantry/kit/due/ticker.ts';
import type { Logger } from '@tenantry/kit/logger.ts';
import { DUE } from '../use-cases/deps.ts';
import type { endAbandonedCollection } from '../use-cases/end-abandoned-collection.ts';
import type { endGracePeriod } from '../use-cases/end-grace.ts';
import type { endSubscriptionPeriod } from '../use-cases/end-period.ts';
import type { exportUsage } from '../use-cases/export-usage.ts';
import type { followOrder } from '../use-cases/follow-order.ts';
import type { resumeCollection } from '../use-cases/resume-collection.ts';

/** While there is a backlog, and when there is none. */
const SWEEP_AGAIN = { seconds: 30 };
const SWEEP_IDLE = { minutes: 5 };

export type DueUseCases = {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly resumeCollection: ReturnType<typeof resumeCollection>;
  readonly followOrder: ReturnType<typeof followOrder>;
  readonly endAbandonedCollection: ReturnType<typeof endAbandonedCollection>;
  readonly endSubscriptionPeriod: ReturnType<typeof endSubscriptionPeriod>;
  readonly endGracePeriod: ReturnType<typeof endGracePeriod>;
  readonly exportUsage: ReturnType<typeof exportUsage>;
};

export function dueHandlers(use: DueUseCases): Readonly<Record<string, DueHandler>> {
  /** A failed export is not tried again second by second: its rows wait for the sweep, so an outage piles nothing up. */
  const tryExport = (tenantId: TenantId): Promise<number | null> =>
    use.exportUsage(tenantId).catch((error: unknown) => {
      use.logger.warn({ err: error, tenantId }, 'usage waits for ClickHouse');
      return null;
    });
  return {
    [DUE.collect]: async ({ tenantId, uuid }) => {
      await use.resumeCollection(tenantId, uuid);
      return undefined;
    },
    [DUE.periodEnd]: ({ tenantId, uuid }) => use.endSubscriptionPeriod(tenantId, uuid),
    [DUE.graceEnd]: ({ tenantId, uuid }) => use.endGracePeriod(tenantId, uuid),
    [DUE.followOrder]: ({ tenantId, uuid }) => use.followOrder(tenantId, uuid),
    [DUE.endCollection]: async ({ tenantId, uuid }) => {
      await use.endAbandonedCollection(tenantId, uuid);
      return undefined;
    },
    [DUE.exportUsage]: async ({ tenantId }) => {
      await tryExport(tenantId);
      return undefined;
    },
    [DUE.sweepUsage]: async ({ tenantId }) => {
      const exported = await tryExport(tenantId);
      return use.clock.now().add(exported === 0 ? SWEEP_IDLE : SWEEP_AGAIN);
    },
  };
}
