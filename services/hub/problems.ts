import { defineProblem } from '@tenantry/kernel/problem.ts';

export const routeTaken = defineProblem({
  code: 'route-taken',
  category: 'conflict',
  title: 'Another service answers this route',
});
