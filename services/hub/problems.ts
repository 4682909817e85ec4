import { defineProblem } from '@tenantry/kernel/problem.ts';

export const routeTaken = defineProblem({
  code: 'route-taken',
  category: 'conflict',
  title: 'Another service answers this route',
});

export const preconditionMissing = defineProblem({
  code: 'precondition-missing',
  category: 'invalid',
  title: 'The request does not say what it replaces',
});
