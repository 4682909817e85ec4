import { endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed, IdSchema, PageOf } from '@tenantry/contract/schemas.ts';
import { planNotFound } from '../problems.ts';
import { PlanView } from './schemas.ts';

export const listPlans = endpoint({
  name: 'subscriptions.list-plans',
  method: 'GET',
  path: '/v1/plans',
  summary: 'What can be bought, cheapest first; prices exclude tax',
  permission: 'plan:read',
  reach: 'own',
  response: PageOf(PlanView),
});

export const readPlan = endpoint({
  name: 'subscriptions.read-plan',
  method: 'GET',
  path: '/v1/plans/:planId',
  summary: 'One plan',
  permission: 'plan:read',
  reach: 'own',
  params: Closed({ planId: IdSchema('pln') }),
  response: PlanView,
  problems: [planNotFound],
  example: { params: { planId: 'pln_01h455vb4pex5vsknk084sn02q' } },
});
