import { endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed, IdSchema, LocaleSchema, PageOf, PageQuery } from '@tenantry/contract/schemas.ts';
import { notFound } from '@tenantry/kernel/problems.ts';
import { Type } from 'typebox';
import { lastOwner } from '../problems.ts';
import { RoleNameSchema, UserView } from './schemas.ts';

const UserParams = Closed({ userId: IdSchema('usr') });
const EXAMPLE_USER = { userId: 'usr_01h455vb4pex5vsknk084sn02q' };

export const listUsers = endpoint({
  name: 'users.list-users',
  method: 'GET',
  path: '/v1/users',
  summary: 'The users of this tenant, newest first',
  permission: 'user:list',
  reach: 'tenant',
  query: PageQuery,
  response: PageOf(UserView),
});

export const readUser = endpoint({
  name: 'users.read-user',
  method: 'GET',
  path: '/v1/users/:userId',
  summary: 'One user: oneself, or anybody with tenant reach',
  permission: 'user:read',
  reach: 'own',
  params: UserParams,
  response: UserView,
  problems: [notFound],
  example: { params: EXAMPLE_USER },
});

export const assignRoles = endpoint({
  name: 'users.assign-roles',
  method: 'PUT',
  path: '/v1/users/:userId/roles',
  summary: 'Set the roles of a user; a change that takes rights away ends their sessions',
  permission: 'user:assign-roles',
  reach: 'tenant',
  params: UserParams,
  body: Closed({ roles: Type.Array(RoleNameSchema, { minItems: 1, maxItems: 5 }) }),
  response: UserView,
  problems: [notFound, lastOwner],
  example: { params: EXAMPLE_USER, body: { roles: ['billing'] } },
});

export const disableUser = endpoint({
  name: 'users.disable-user',
  method: 'POST',
  path: '/v1/users/:userId/disable',
  summary: 'Lock a user out at once',
  permission: 'user:disable',
  reach: 'tenant',
  params: UserParams,
  response: UserView,
  problems: [notFound, lastOwner],
  example: { params: EXAMPLE_USER },
});

/** For services that must address a person: an invoice's buyer, the language of a message. */
export const readContact = endpoint({
  name: 'users.read-contact',
  method: 'GET',
  path: '/internal/users/:userId/contact',
  summary: 'Name, e-mail address and language of one user',
  access: 'services',
  callers: ['billing', 'notifications'],
  params: UserParams,
  response: Closed({ userId: IdSchema('usr'), name: Type.String(), email: Type.String(), locale: LocaleSchema }),
  problems: [notFound],
});
