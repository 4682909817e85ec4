import type { Clock } from '@tenantry/kernel/clock.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import { hearFact, NOTHING_HEARD, type PlanFact } from '../domain/plan-standing.ts';
import type { PlanStandings } from '../store/plan-standings.ts';
import type { Configuration } from './configuration.ts';

export type FollowSubscriptionDeps = {
  readonly standings: Pick<PlanStandings, 'get' | 'create' | 'update'>;
  readonly configuration: Pick<Configuration, 'followPlan'>;
  readonly clock: Clock;
};

/**
 * Gives a tenant the plan that its subscription at tenant zero gives it. First what was heard is written down, by
 * compare-and-set, then the plan that follows from it is assigned under the number of that change. A hub that dies in
 * between hears the same fact again and goes on; of two at once, neither can put an older change over a newer one.
 */
export const followSubscription =
  ({ standings, configuration, clock }: FollowSubscriptionDeps) =>
  async (tenantId: TenantId, fact: PlanFact): Promise<void> => {
    for (;;) {
      const found = await standings.get(tenantId);
      const before = found?.value ?? NOTHING_HEARD;
      const after = hearFact(before, fact, clock.now().epochMilliseconds);
      const isWritten =
        after === before ||
        (found === null
          ? await standings.create(tenantId, after)
          : await standings.update(tenantId, after, found.revision));
      if (!isWritten) continue;
      // Also for a fact that is no news: who wrote it down may not have lived to assign what follows from it.
      if (after.sequence > 0) await configuration.followPlan(tenantId, after.plan, after.sequence, 'subscriptions');
      return;
    }
  };
