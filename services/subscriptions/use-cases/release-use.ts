import type { TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';
import { emit } from '@tenantry/events/emit.ts';
import { type Id, type TenantId, type UserId, uuidOf } from '@tenantry/kernel/id.ts';
import { formatInstant } from '@tenantry/kernel/instant.ts';
import { usageReleased } from '../contract/events.ts';
import { barUse, findUse, insertRelease, lockOpenCounter, lowerCounter } from '../store/released-uses.ts';
import type { SubscriptionsDeps } from './deps.ts';
import type { ExportSchedule } from './export-schedule.ts';

export type ReleaseDeps = Pick<SubscriptionsDeps, 'databases'> & { readonly exportSchedule: ExportSchedule };

export type Release = { readonly usageId: Id<'usg'>; readonly subscriberId: UserId; readonly feature: string };

/** Gives a use back, or sees to it that it will not be counted. Twice at one instant, before or after it: once. */
export const releaseUse =
  ({ databases, exportSchedule }: ReleaseDeps) =>
  (tenantId: TenantId, { usageId, subscriberId, feature }: Release): Promise<void> =>
    exportSchedule.during(tenantId, (scheduleExport) =>
      databases.withTenant(tenantId, async (uow) => {
        const key = { uuid: uuidOf(usageId), subscriberUuid: uuidOf(subscriberId) };
        if (await barUse(uow, { ...key, feature })) return;
        const use = await findUse(uow, key);
        if (use === undefined) return; // barred before, or somebody else's
        if (!(await lockOpenCounter(uow, use))) return;
        if (!(await insertRelease(uow, use))) return;
        await emit(uow as TenantUnitOfWork, usageReleased, {
          subject: usageId,
          version: 1,
          data: { usageId, subscriberId, feature: use.feature, amount: use.amount, releasedAt: formatInstant(uow.now) },
        });
        await scheduleExport(uow);
        await lowerCounter(uow, use);
      }),
    );
