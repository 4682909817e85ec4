import type { TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';
import { idFromUuid, type TenantId } from '@tenantry/kernel/id.ts';
import { schedule } from '@tenantry/kit/due/schedule.ts';
import { DUE, type SubscriptionsUow } from './deps.ts';

/** Longer than a use takes to commit: an export that ran before its last commit would miss it until the sweep. */
const EXPORT_AFTER_SECONDS = 2;

export type ExportSchedule = {
  /** Runs a unit of work that may schedule an export; what it scheduled counts only once it has committed. */
  readonly during: <T>(
    tenantId: TenantId,
    work: (scheduleExport: (uow: SubscriptionsUow) => Promise<void>) => Promise<T>,
  ) => Promise<T>;
};

/**
 * One due row per tenant and second in which something was used, written with the use. A row per use would be as many
 * rows again; one row per tenant would lose the uses that come between an export's last look and the row's removal.
 */
export function createExportSchedule(): ExportSchedule {
  const newestScheduled = new Map<TenantId, number>();
  return {
    async during(tenantId, work) {
      let scheduled: number | null = null;
      const result = await work(async (uow) => {
        const second = Math.floor(uow.now.epochMilliseconds / 1_000);
        // Scheduled and committed by an earlier use; a later second's export takes this one's uses with it.
        if ((newestScheduled.get(tenantId) ?? 0) >= second) return;
        const dueAt = Temporal.Instant.fromEpochMilliseconds((second + EXPORT_AFTER_SECONDS) * 1_000);
        await schedule(uow as TenantUnitOfWork, DUE.exportUsage, idOfSecond(second), dueAt);
        scheduled = second;
      });
      if (scheduled !== null) newestScheduled.set(tenantId, Math.max(newestScheduled.get(tenantId) ?? 0, scheduled));
      return result;
    },
  };
}

const idOfSecond = (second: number) =>
  idFromUuid('evt', `00000000-0000-7000-8000-${second.toString(16).padStart(12, '0')}`);
