import { setTimeout } from 'node:timers/promises';
import type { Principal } from '@tenantry/auth/principal.ts';
import { currentDeadlineMs, currentTraceparent } from '@tenantry/kernel/call-context.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import { upstreamTimeout, upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import type { Bulkhead } from '@tenantry/resilience/bulkhead.ts';
import { systemTiming } from '@tenantry/resilience/timing.ts';
import type { UsageOfQuota } from '../domain/usage.ts';
import { type BatchResult, createBatchQueue } from './batch-queue.ts';
import { type CountedUse, CounterMoved, countUses, type QuotaOf } from './count-uses.ts';
import type { SubscriptionsDeps } from './deps.ts';
import type { ExportSchedule } from './export-schedule.ts';

export type Use = { readonly uuid: string; readonly feature: string; readonly amount: number };

/** Whose quota it is. */
export type Subscriber = Pick<Principal, 'tenantId' | 'id'>;

export type ConsumeDeps = Pick<SubscriptionsDeps, 'databases' | 'tenants' | 'plans'> & {
  readonly exportSchedule: ExportSchedule;
  /** Quotas wait here rather than for a connection: a crowd at some leaves connections for everybody else. */
  readonly countingPlaces: Bulkhead;
};

type Waiting = CountedUse & { readonly tenantId: TenantId; readonly of: QuotaOf; readonly deadlineMs: number };

const MAX_ATTEMPTS = 10;
/** Every length of an insert is a statement of its own to prepare; most of the gain is in the first dozens. */
const MAX_BATCH = 64;

/** Counts a use or refuses it. Repeated with the same `uuid` it counts once. Uses of one quota are counted together. */
export const consumeEntitlement = ({ databases, tenants, plans, exportSchedule, countingPlaces }: ConsumeDeps) => {
  const countOnce = (tenantId: TenantId, of: QuotaOf, uses: readonly CountedUse[]) =>
    countingPlaces.execute(() =>
      exportSchedule.during(tenantId, (scheduleExport) =>
        databases.withTenant(tenantId, (uow) => countUses(uow, of, uses, scheduleExport)),
      ),
    );

  const countTogether = async (batch: readonly Waiting[]): Promise<readonly BatchResult<UsageOfQuota>[]> => {
    const nowMs = systemTiming.epochMs();
    // A repeat may meet what it repeats in one batch.
    const inTime = [...new Map(batch.filter((use) => use.deadlineMs > nowMs).map((use) => [use.uuid, use])).values()];
    const [first] = inTime;
    const results = first === undefined ? [] : await untilStill(() => countOnce(first.tenantId, first.of, inTime));
    const byUuid = new Map(inTime.map((use, index) => [use.uuid, results[index]]));
    return batch.map((use) => byUuid.get(use.uuid) ?? tooLate());
  };

  const queue = createBatchQueue<Waiting, UsageOfQuota>({ maxBatch: MAX_BATCH, run: countTogether });

  return async (subscriber: Subscriber, { uuid, feature, amount }: Use): Promise<UsageOfQuota> => {
    const { tenantId, id: subscriberId } = subscriber;
    const { currency, timeZone } = await tenants.get(tenantId);
    return queue.add(`${tenantId} ${subscriberId} ${feature}`, {
      uuid,
      amount,
      tenantId,
      of: { subscriberId, feature, timeZone, plans: await plans.of(tenantId, currency) },
      traceparent: currentTraceparent(),
      deadlineMs: currentDeadlineMs(),
    });
  };
};

/** Looks and counts anew while somebody else moves the counter, which they can do only by getting on themselves. */
async function untilStill<T>(attempt: () => Promise<T>): Promise<T> {
  for (let count = 1; ; count++) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof CounterMoved)) throw error;
      if (count >= MAX_ATTEMPTS) throw contended(error);
      await setTimeout(Math.random() * 10 * count);
    }
  }
}

const contended = (cause: unknown) =>
  upstreamUnavailable('Too many are counting this quota right now. Nothing was counted; try again.', {
    cause,
    retryAfterSeconds: 1,
  });

const tooLate = () => upstreamTimeout('The deadline of this request passed before its use was counted.');
