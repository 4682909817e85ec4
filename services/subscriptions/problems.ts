import { defineProblem } from '@tenantry/kernel/problem.ts';

export const planNotFound = defineProblem({ code: 'not-found', category: 'not-found', title: 'Not found' });
export const subscriptionNotFound = defineProblem({ code: 'not-found', category: 'not-found', title: 'Not found' });
export const alreadySubscribed = defineProblem({
  code: 'already-subscribed',
  category: 'conflict',
  title: 'There is a subscription already',
});
export const featureNotFound = defineProblem({
  code: 'feature-not-found',
  category: 'not-found',
  title: 'There is no such feature',
});
export const featureNotMetered = defineProblem({
  code: 'feature-not-metered',
  category: 'conflict',
  title: 'The feature has no quota',
});
