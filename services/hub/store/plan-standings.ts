import { type CompareAndSet, openCompareAndSet } from '@tenantry/events/compare-and-set.ts';
import type { Nats } from '@tenantry/events/nats.ts';
import type { PlanStanding } from '../domain/plan-standing.ts';

/** By tenant id: what each tenant's subscriptions at tenant zero have said, so that it is known what is news. */
export type PlanStandings = CompareAndSet<PlanStanding>;

export const openPlanStandings = (nats: Nats): Promise<PlanStandings> => openCompareAndSet(nats, 'plan-standings');
