import type { Clock } from '@tenantry/kernel/clock.ts';
import { type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import type { DueHandler } from '@tenantry/kit/due/ticker.ts';
import { DUE } from '../use-cases/deps.ts';
import type { endAbandonedCollection } from '../use-cases/end-abandoned-collection.ts';
import type { endGracePeriod } from '../use-cases/end-grace.ts';
import type { endSubscriptionPeriod } from '../use-cases/end-period.ts';
import type { ExportGate } from '../use-cases/export-gate.ts';
import type { exportUsage } from '../use-cases/export-usage.ts';
import type { followOrder } from '../use-cases/follow-order.ts';
import type { resumeCollection } from '../use-cases/resume-collection.ts';
import type { retryExport } from '../use-cases/retry-export.ts';

/** While there is a backlog, and when there is none. */
const SWEEP_AGAIN = { seconds: 30 };
const SWEEP_IDLE = { minutes: 5 };

export type DueUseCases = {
  readonly clock: Clock;
  readonly exportGate: ExportGate;
  readonly retryExport: ReturnType<typeof retryExport>;
  readonly resumeCollection: ReturnType<typeof resumeCollection>;
  readonly followOrder: ReturnType<typeof followOrder>;
  readonly endAbandonedCollection: ReturnType<typeof endAbandonedCollection>;
  readonly endSubscriptionPeriod: ReturnType<typeof endSubscriptionPeriod>;
  readonly endGracePeriod: ReturnType<typeof endGracePeriod>;
  readonly exportUsage: ReturnType<typeof exportUsage>;
};

export function dueHandlers(use: DueUseCases): Readonly<Record<string, DueHandler>> {
  /** @returns how many were exported, or when to ask again */
  const tryExport = (tenantId: TenantId): Promise<number | Temporal.Instant> =>
    use.exportGate.pass(() => use.exportUsage(tenantId));
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
    [DUE.exportUsage]: async ({ tenantId, uuid }) => {
      const result = await tryExport(tenantId);
      if (typeof result === 'number') return undefined;
      if (uuid === uuidOf(tenantId)) return result;
      // Of all the seconds of an outage one row remains, so it piles nothing up.
      await use.retryExport(tenantId, result);
      return undefined;
    },
    [DUE.sweepUsage]: async ({ tenantId }) => {
      const result = await tryExport(tenantId);
      if (typeof result !== 'number') return result;
      return use.clock.now().add(result === 0 ? SWEEP_IDLE : SWEEP_AGAIN);
    },
  };
}
