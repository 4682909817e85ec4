import { defineProblem } from '@tenantry/kernel/problem.ts';

export const tenantNotFound = defineProblem({
  code: 'tenant-not-found',
  category: 'not-found',
  title: 'There is no such tenant',
});
export const slugTaken = defineProblem({ code: 'slug-taken', category: 'conflict', title: 'The slug is taken' });
export const weakPassword = defineProblem({
  code: 'weak-password',
  category: 'invalid',
  title: 'The password is too easy to guess',
});
export const invalidCredentials = defineProblem({
  code: 'invalid-credentials',
  category: 'unauthenticated',
  title: 'Tenant, e-mail or password do not match',
});
export const accountNotReady = defineProblem({
  code: 'account-not-active',
  category: 'forbidden',
  title: 'The account is not active',
});
export const invalidToken = defineProblem({
  code: 'invalid-token',
  category: 'invalid',
  title: 'The token is not valid',
});
export const lastOwner = defineProblem({ code: 'last-owner', category: 'conflict', title: 'A tenant needs an owner' });
export const invalidRefreshToken = defineProblem({
  code: 'invalid-refresh-token',
  category: 'unauthenticated',
  title: 'The refresh token is not valid',
});
export const userNotFound = defineProblem({ code: 'not-found', category: 'not-found', title: 'Not found' });
