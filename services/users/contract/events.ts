import { event } from '@tenantry/contract/event.ts';
import { Closed, IdSchema } from '@tenantry/contract/schemas.ts';
import { Type } from 'typebox';

/** A new tenant exists and works: others may prepare what belongs to it, and must also do so at first use. */
export const tenantCreated = event('users.tenant.created.v1', Closed({ tenantId: IdSchema('ten') }));

/** Its record changed: name, status, tax identity. Read it from the directory. */
export const tenantChanged = event(
  'users.tenant.changed.v1',
  Closed({ tenantId: IdSchema('ten'), version: Type.Integer() }),
);

export const userRegistered = event('users.user.registered.v1', Closed({ userId: IdSchema('usr') }));

export const userVerified = event('users.user.verified.v1', Closed({ userId: IdSchema('usr') }));

/** A session ended before its time; its access tokens are refused everywhere within a second. */
export const sessionRevoked = event(
  'users.session.revoked.v1',
  Closed({ sessionId: IdSchema('ses'), userId: IdSchema('usr') }),
);
