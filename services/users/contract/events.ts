import { event } from '@tenantry/contract/event.ts';
import { Closed, IdSchema } from '@tenantry/contract/schemas.ts';
import { Type } from 'typebox';

export const tenantCreated = event('users.tenant.created.v1', Closed({ tenantId: IdSchema('ten') }), {
  summary: 'A new tenant exists and works: others may prepare what belongs to it, and must also do so at first use.',
});

export const tenantChanged = event(
  'users.tenant.changed.v1',
  Closed({ tenantId: IdSchema('ten'), version: Type.Integer() }),
  { summary: 'Its record changed: name, status, tax identity. Read it from the directory.' },
);

export const userRegistered = event('users.user.registered.v1', Closed({ userId: IdSchema('usr') }), {
  summary: 'Somebody signed up; the address is not proven yet.',
});

export const userVerified = event('users.user.verified.v1', Closed({ userId: IdSchema('usr') }), {
  summary: 'The address was proven; this user can sign in from now on.',
});

export const sessionRevoked = event(
  'users.session.revoked.v1',
  Closed({ sessionId: IdSchema('ses'), userId: IdSchema('usr') }),
  { summary: 'A session ended before its time; its access tokens are refused everywhere within a second.' },
);
