import type { TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';
import { emitAll } from '@tenantry/events/emit.ts';
import { idFromUuid, type UserId } from '@tenantry/kernel/id.ts';
import { formatInstant } from '@tenantry/kernel/instant.ts';
import { quotaExceeded } from '@tenantry/kernel/problems.ts';
import { usageRecorded } from '../contract/events.ts';
import { type Admission, admit } from '../domain/admission.ts';
import type { Period } from '../domain/period.ts';
import { limitOf, type UsageOfQuota, usageOf } from '../domain/usage.ts';
import { featureNotFound, featureNotMetered } from '../problems.ts';
import { listFeatures, type Plan } from '../store/plans.ts';
import { type CounterKey, countUse, findRecorded, insertUsageRecords, readCounter } from '../store/usage.ts';
import type { BatchResult } from './batch-queue.ts';
import { currentEntitlement, type Entitlement } from './current-entitlement.ts';
import type { SubscriptionsUow } from './deps.ts';
import { featuresIn } from './tenant-plans.ts';

export type CountedUse = { readonly uuid: string; readonly amount: number; readonly traceparent: string };

export type QuotaOf = {
  readonly subscriberId: string;
  readonly feature: string;
  /** The tenant's. */
  readonly timeZone: string;
  readonly plans: readonly Plan[];
};

/** The counter moved between looking and counting; looking again helps. Everything of this attempt is undone. */
export class CounterMoved extends Error {
  override readonly name = 'CounterMoved';
}

/**
 * Counts several uses of one subscriber's quota, each by itself or not at all. What the counter says when looked at only
 * chooses who is let in; whether they still fit is decided by the one conditional statement at the end, whose lock other
 * instances wait for and which is held until COMMIT, one round trip later.
 */
export async function countUses(
  uow: SubscriptionsUow,
  of: QuotaOf,
  uses: readonly CountedUse[],
  scheduleExport: (uow: SubscriptionsUow) => Promise<void>,
): Promise<readonly BatchResult<UsageOfQuota>[]> {
  const entitlement = await currentEntitlement(uow, of.subscriberId, of.timeZone);
  const quota = await findQuota(uow, of, entitlement);
  const limit = limitOf(quota);
  const { counter, period } = entitlement;
  const before = await readCounter(uow, counter, of.feature);
  const recorded = await findRecorded(
    uow,
    uses.map((use) => use.uuid),
  );
  const isNew = (use: CountedUse): boolean => !recorded.has(use.uuid);
  const fresh = uses.filter(isNew);
  const chosen = admit(
    before.used,
    limit,
    fresh.map((use) => use.amount),
  );
  const admitted = fresh.filter((_use, index) => chosen[index]?.isAdmitted === true);
  const movedBy =
    admitted.length === 0 ? 0 : await count(uow, of, counter, { before, limit, admitted }, scheduleExport);
  const admissions = new Map(fresh.map((use, index) => [use.uuid, chosen[index]]));
  return uses.map((use) => toResult(admissions.get(use.uuid), use));

  function toResult(admission: Admission | undefined, use: CountedUse): BatchResult<UsageOfQuota> {
    // A repeat of what was counted before shows what is used by now.
    const used = admission === undefined ? before.used : admission.used + movedBy;
    if (admission?.isAdmitted === false) return exceeded(of.feature, use.amount, limit, used, period);
    return usageOf(of.feature, quota, used, period.end);
  }
}

/** @returns by how much others had moved the counter since it was looked at */
async function count(
  uow: SubscriptionsUow,
  of: QuotaOf,
  counter: CounterKey,
  at: {
    readonly before: { readonly used: number; readonly isClosed: boolean };
    readonly limit: number | null;
    readonly admitted: readonly CountedUse[];
  },
  scheduleExport: (uow: SubscriptionsUow) => Promise<void>,
): Promise<number> {
  if (at.before.isClosed) throw new CounterMoved();
  const inserted = await insertUsageRecords(uow, counter, of.feature, at.admitted);
  if (inserted < at.admitted.length) throw new CounterMoved(); // counted or released meanwhile
  await tell(uow, of, at.admitted);
  await scheduleExport(uow);
  const amount = at.admitted.reduce((sum, use) => sum + use.amount, 0);
  const used = await countUse(uow, counter, { feature: of.feature, amount, limit: at.limit });
  if (used === null) throw new CounterMoved();
  return used - amount - at.before.used;
}

async function findQuota(uow: SubscriptionsUow, of: QuotaOf, entitlement: Entitlement): Promise<number> {
  const { plan, planSlug } = entitlement;
  const features = featuresIn(of.plans, entitlement) ?? (await listFeatures(uow, plan, of.feature));
  const known = features.find(({ feature }) => feature === of.feature);
  if (known === undefined)
    throw featureNotFound(`There is no feature ${of.feature} in ${planSlug}. GET /v1/entitlements lists them.`);
  if (known.kind !== 'quota')
    throw featureNotMetered(`The feature ${of.feature} is a ${known.kind}: it is there or not, and is not used up.`);
  return known.value;
}

const tell = (uow: SubscriptionsUow, of: QuotaOf, uses: readonly CountedUse[]): Promise<void> =>
  emitAll(
    uow as TenantUnitOfWork,
    usageRecorded,
    uses.map(({ uuid, amount, traceparent }) => ({
      subject: idFromUuid('usg', uuid),
      version: 0,
      traceparent,
      data: {
        usageId: idFromUuid('usg', uuid),
        subscriberId: of.subscriberId as UserId,
        feature: of.feature,
        amount,
        recordedAt: formatInstant(uow.now),
      },
    })),
  );

const exceeded = (feature: string, amount: number, limit: number | null, used: number, { end }: Period) =>
  quotaExceeded(
    `${used} of ${limit} ${feature} are used; ${amount} more do not fit. The quota starts anew at ${formatInstant(end)}.`,
    { extensions: { limit, used, resetsAt: formatInstant(end) } },
  );
