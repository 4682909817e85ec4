import {
  DeadLetterIdSchema,
  DeadLetterView,
  deadLetterFilters,
  deadLetterNotFound,
  deadLetterUnhandled,
  ServiceFilter,
} from '@tenantry/contract/dead-letters.ts';
import { endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed, InstantSchema, PageQuery } from '@tenantry/contract/schemas.ts';
import { Type } from 'typebox';

const params = Closed({ deadLetterId: DeadLetterIdSchema });
const example = { params: { deadLetterId: 'dlt_billing_01h455vb4pex5vsknk084sn02q' } };

export const listDeadLetters = endpoint({
  name: 'gateway.list-dead-letters',
  method: 'GET',
  path: '/v1/dead-letters',
  summary: 'Events that a service gave up on, newest event first: of the tenant, for the platform of all tenants',
  permission: 'dead-letter:read',
  reach: 'tenant',
  query: Closed({ ...PageQuery.properties, service: ServiceFilter, ...deadLetterFilters }),
  response: Closed({
    data: Type.Array(DeadLetterView),
    nextCursor: Type.Union([Type.String(), Type.Null()]),
    unavailable: Type.Array(Type.String(), {
      description: 'Services that did not answer: theirs are missing from this page. Ask again for them later',
    }),
  }),
  example: { query: { state: 'dead' } },
});

export const readDeadLetter = endpoint({
  name: 'gateway.read-dead-letter',
  method: 'GET',
  path: '/v1/dead-letters/:deadLetterId',
  summary: 'One dead letter with its event and its cause',
  permission: 'dead-letter:read',
  reach: 'tenant',
  params,
  response: DeadLetterView,
  problems: [deadLetterNotFound],
  example,
});

export const redriveDeadLetter = endpoint({
  name: 'gateway.redrive-dead-letter',
  method: 'POST',
  path: '/v1/dead-letters/:deadLetterId/redrive',
  summary:
    'Send it to its consumer again, as a new message; one that is on its way, or was handled since, is left as it is',
  permission: 'dead-letter:redrive',
  reach: 'tenant',
  params,
  response: DeadLetterView,
  status: 202,
  idempotency: true,
  problems: [deadLetterNotFound, deadLetterUnhandled],
  example,
});

export const purgeDeadLetter = endpoint({
  name: 'gateway.purge-dead-letter',
  method: 'DELETE',
  path: '/v1/dead-letters/:deadLetterId',
  summary: 'Forget it for good, also where it is on its way to its consumer',
  permission: 'dead-letter:purge',
  reach: 'tenant',
  params,
  problems: [deadLetterNotFound],
  example,
});

export const purgeDeadLetters = endpoint({
  name: 'gateway.purge-dead-letters',
  method: 'POST',
  path: '/v1/dead-letters/purge',
  summary: 'Forget all that fit, of whatever tenant; each field given narrows it down',
  permission: 'dead-letter:purge',
  reach: 'platform',
  body: Type.Object(
    { service: ServiceFilter, ...deadLetterFilters, diedBefore: Type.Optional(InstantSchema) },
    { additionalProperties: false, minProperties: 1 },
  ),
  response: Closed({
    purged: Type.Integer(),
    isComplete: Type.Boolean({ description: 'False when there were too many for one request: repeat it' }),
    unavailable: Type.Array(Type.String(), { description: 'Services that did not answer: theirs are still there' }),
  }),
  example: { body: { service: 'billing', type: 'payments.payment.settled.v1', state: 'handled' } },
});
