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

export const instanceReplaced = defineProblem({
  code: 'instance-replaced',
  category: 'conflict',
  title: 'A newer process stands at the address of this instance',
});

export const instanceLeft = defineProblem({
  code: 'instance-left',
  category: 'conflict',
  title: 'This instance has left the registry',
});

export const generationStale = defineProblem({
  code: 'generation-stale',
  category: 'conflict',
  title: 'A later registration of this instance stands',
});

export const instanceRevoked = defineProblem({
  code: 'instance-revoked',
  category: 'forbidden',
  title: 'This instance was revoked',
});

export const rootTooYoung = defineProblem({
  code: 'root-too-young',
  category: 'conflict',
  title: 'The next root of the mesh may not vouch yet',
});
