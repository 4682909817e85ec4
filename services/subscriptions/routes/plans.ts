import { type Route, serve } from '@tenantry/kit/http/route.ts';
import { listPlans as listPlansEndpoint, readPlan as readPlanEndpoint } from '../contract/plans.ts';
import type { listPlans } from '../use-cases/list-plans.ts';
import type { readPlan } from '../use-cases/read-plan.ts';
import { toPlanView } from './views.ts';

export type PlanUseCases = {
  readonly listPlans: ReturnType<typeof listPlans>;
  readonly readPlan: ReturnType<typeof readPlan>;
};

export const planRoutes = ({ listPlans, readPlan }: PlanUseCases): readonly Route[] => [
  serve(listPlansEndpoint, async ({ principal }) => ({
    data: (await listPlans(principal.tenantId)).map(toPlanView),
    nextCursor: null,
  })),
  serve(readPlanEndpoint, async ({ principal, params }) =>
    toPlanView(await readPlan(principal.tenantId, params.planId)),
  ),
];
