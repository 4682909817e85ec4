import { endpoint } from './endpoint.ts';
import { Closed, IdSchema, OneOf } from './schemas.ts';

/** Asked by gateways while the feed of revocations is silent. A session that does not exist is revoked, not missing. */
export const readSessionStanding = endpoint({
  name: 'users.read-session-standing',
  method: 'GET',
  path: '/internal/sessions/:sessionId',
  summary: 'Whether a session still stands',
  access: 'services',
  callers: ['gateway'],
  params: Closed({ sessionId: IdSchema('ses') }),
  response: Closed({ standing: OneOf(['valid', 'revoked']) }),
});
