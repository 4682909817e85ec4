import { endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed } from '@tenantry/contract/schemas.ts';
import { Type } from 'typebox';
import { feedPositionGone } from '../problems.ts';

export const followEvents = endpoint({
  name: 'gateway.follow-events',
  method: 'GET',
  path: '/v1/events',
  summary:
    'The events of the tenant as they happen (server-sent events, each a CloudEvent), or from Last-Event-ID on; each at least once',
  permission: 'event:read',
  reach: 'tenant',
  query: Closed({
    type: Type.Optional(
      Type.String({
        pattern: '^[a-z]+(\\.[a-z]+(-[a-z]+)*){0,2}$|^[a-z]+(\\.[a-z]+(-[a-z]+)*){2}\\.v[1-9][0-9]{0,3}$',
        maxLength: 200,
        description: 'Only events whose type is this or begins with it and a dot',
        examples: ['billing.invoice'],
      }),
    ),
    lastEventId: Type.Optional(
      Type.String({
        maxLength: 2_000,
        description: 'The same as the header Last-Event-ID, which wins: for clients that cannot set it',
      }),
    ),
  }),
  produces: 'text/event-stream',
  problems: [feedPositionGone],
  example: { query: { type: 'billing.invoice' } },
});
