import { endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed, DisplayNameSchema, IdSchema, InstantSchema, LocaleSchema } from '@tenantry/contract/schemas.ts';
import { stale } from '@tenantry/kernel/problems.ts';
import { Type } from 'typebox';
import { invalidCredentials, weakPassword } from '../problems.ts';
import { PasswordSchema, UserView } from './schemas.ts';

export const readMe = endpoint({
  name: 'users.read-me',
  method: 'GET',
  path: '/v1/me',
  summary: 'Who I am',
  permission: 'profile:read',
  reach: 'own',
  response: UserView,
});

export const updateMe = endpoint({
  name: 'users.update-me',
  method: 'PATCH',
  path: '/v1/me',
  summary: 'Change my name or language',
  permission: 'profile:update',
  reach: 'own',
  body: Closed({ name: Type.Optional(DisplayNameSchema), locale: Type.Optional(LocaleSchema) }),
  response: UserView,
  problems: [stale],
  example: { body: { locale: 'en' } },
});

export const changePassword = endpoint({
  name: 'users.change-password',
  method: 'PUT',
  path: '/v1/me/password',
  summary: 'Change my password; all my other sessions end',
  permission: 'profile:update',
  reach: 'own',
  body: Closed({ currentPassword: Type.String({ minLength: 1, maxLength: 256 }), newPassword: PasswordSchema }),
  problems: [invalidCredentials, weakPassword],
  example: { body: { currentPassword: 'correct horse battery', newPassword: 'a quite different one' } },
});

const SessionView = Closed({
  id: IdSchema('ses'),
  createdAt: InstantSchema,
  lastUsedAt: InstantSchema,
  expiresAt: InstantSchema,
  current: Type.Boolean(),
});

export const listSessions = endpoint({
  name: 'users.list-sessions',
  method: 'GET',
  path: '/v1/me/sessions',
  summary: 'Where I am signed in',
  permission: 'session:read',
  reach: 'own',
  response: Closed({ data: Type.Array(SessionView), nextCursor: Type.Null() }),
});

export const endSession = endpoint({
  name: 'users.end-session',
  method: 'DELETE',
  path: '/v1/me/sessions/:sessionId',
  summary: 'Sign out one of my devices',
  permission: 'session:end',
  reach: 'own',
  params: Closed({ sessionId: IdSchema('ses') }),
  example: { params: { sessionId: 'ses_01h455vb4pex5vsknk084sn02q' } },
});
