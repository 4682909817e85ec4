import { setTimeout } from 'node:timers/promises';
import type { Principal } from '@tenantry/auth/principal.ts';
import type { TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';
import { emit } from '@tenantry/events/emit.ts';
import { currentDeadlineMs } from '@tenantry/kernel/call-context.ts';
import { idFromUuid, type UserId } from '@tenantry/kernel/id.ts';
import { formatInstant } from '@tenantry/kernel/instant.ts';
import type { Currency } from '@tenantry/kernel/money.ts';
import { quotaExceeded, upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import type { Bulkhead } from '@tenantry/resilience/bulkhead.ts';
import { type Deadline, deadlineAt } from '@tenantry/resilience/deadline.ts';
import { usageRecorded } from '../contract/events.ts';
import type { Period } from '../domain/period.ts';
import { limitOf, type UsageOfQuota, usageOf } from '../domain/usage.ts';
import { featureNotFound, featureNotMetered } from '../problems.ts';
import { listFeatures } from '../store/plans.ts';
import { countUse, hasUsageRecord, insertUsageRecord, readCounter } from '../store/usage.ts';
import { currentEntitlement, type Entitlement } from './current-entitlement.ts';
import type { SubscriptionsDeps, SubscriptionsUow } from './deps.ts';
import { ensurePlans } from './ensure-plans.ts';
import type { ExportSchedule } from './export-schedule.ts';

export type Use = { readonly uuid: string; readonly feature: string; readonly amount: number };

export type ConsumeDeps = SubscriptionsDeps & {
  readonly exportSchedule: ExportSchedule;
  /** Callers wait here rather than for a connection: a crowd at one quota leaves connections for everybody else. */
  readonly countingPlaces: Bulkhead;
};

const MAX_ATTEMPTS = 5;

/** Rolls the unit of work back: the next attempt counts in the period that follows. */
class PeriodClosedMeanwhile extends Error {
  override readonly name = 'PeriodClosedMeanwhile';
}

/**
 * Counts a use or refuses it. Repeated with the same `uuid` it counts once. The counter is the last statement before
 * COMMIT, so its lock, which all callers of one quota queue for, is held for one round trip.
 */
export const consumeEntitlement =
  ({ databases, tenants, exportSchedule, countingPlaces }: ConsumeDeps) =>
  async (principal: Principal, use: Use): Promise<UsageOfQuota> => {
    const { currency, timeZone } = await tenants.get(principal.tenantId);
    for (let attempt = 1; ; attempt++) {
      try {
        const attemptToCount = () =>
          exportSchedule.during(principal.tenantId, (scheduleExport) =>
            databases.withTenant(principal.tenantId, async (uow) => {
              const entitlement = await currentEntitlement(uow, principal.id, timeZone);
              const quota = await findQuota(uow, entitlement, currency, use.feature);
              return count(uow, principal, entitlement, quota, use, scheduleExport);
            }),
          );
        return await countingPlaces.execute(attemptToCount, { deadline: currentDeadline() });
      } catch (error) {
        if (!(error instanceof PeriodClosedMeanwhile)) throw error;
        if (attempt >= MAX_ATTEMPTS) throw periodIsChanging(error);
        await setTimeout(20 * attempt);
      }
    }
  };

function currentDeadline(): Deadline | undefined {
  const epochMs = currentDeadlineMs();
  return Number.isFinite(epochMs) ? deadlineAt(epochMs) : undefined;
}

const periodIsChanging = (cause: unknown) =>
  upstreamUnavailable('The period is changing right now. Nothing was counted; try again.', {
    cause,
    retryAfterSeconds: 1,
  });

async function findQuota(
  uow: SubscriptionsUow,
  { plan, planSlug }: Entitlement,
  currency: Currency,
  feature: string,
): Promise<number> {
  let [known] = await listFeatures(uow, plan, feature);
  if (known === undefined) {
    await ensurePlans(uow, currency);
    [known] = await listFeatures(uow, plan, feature);
  }
  if (known === undefined)
    throw featureNotFound(`There is no feature ${feature} in ${planSlug}. GET /v1/entitlements lists them.`);
  if (known.kind !== 'quota')
    throw featureNotMetered(`The feature ${feature} is a ${known.kind}: it is there or not, and is not used up.`);
  return known.value;
}

async function count(
  uow: SubscriptionsUow,
  principal: Principal,
  { counter, period }: Entitlement,
  quota: number,
  use: Use,
  scheduleExport: (uow: SubscriptionsUow) => Promise<void>,
): Promise<UsageOfQuota> {
  const { feature, amount } = use;
  const limit = limitOf(quota);
  const before = await readCounter(uow, counter, feature);
  // Used only grows within a period, so what does not fit by this reading does not fit at all: no lock for a refusal.
  const cannotFit = limit !== null && before.used + amount > limit;
  if (cannotFit && !(await hasUsageRecord(uow, use.uuid))) throw exceeded(use, limit, before.used, period);
  if (!(await insertUsageRecord(uow, counter, use))) return usageOf(feature, quota, before.used, period.end);
  await tellUse(uow, principal, use);
  await scheduleExport(uow);
  const used = await countUse(uow, counter, { feature, amount, limit });
  if (used !== null) return usageOf(feature, quota, used, period.end);
  const after = await readCounter(uow, counter, feature);
  throw after.isClosed ? new PeriodClosedMeanwhile() : exceeded(use, limit, after.used, period);
}

const exceeded = ({ feature, amount }: Use, limit: number | null, used: number, { end }: Period) =>
  quotaExceeded(
    `${used} of ${limit} ${feature} are used; ${amount} more do not fit. The quota starts anew at ${formatInstant(end)}.`,
    { extensions: { limit, used, resetsAt: formatInstant(end) } },
  );

const tellUse = (uow: SubscriptionsUow, principal: Principal, { uuid, feature, amount }: Use): Promise<void> =>
  emit(uow as TenantUnitOfWork, usageRecorded, {
    subject: idFromUuid('usg', uuid),
    version: 0,
    data: {
      usageId: idFromUuid('usg', uuid),
      subscriberId: principal.id as UserId,
      feature,
      amount,
      recordedAt: formatInstant(uow.now),
    },
  });
