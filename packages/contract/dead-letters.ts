import { idFromUuid, uuidOf } from '@tenantry/kernel/id.ts';
import { defineProblem } from '@tenantry/kernel/problem.ts';
import { notFound } from '@tenantry/kernel/problems.ts';
import { type Static, type TProperties, Type } from 'typebox';
import { endpoint } from './endpoint.ts';
import { Closed, IdSchema, InstantSchema, OneOf } from './schemas.ts';

/** A TypeID whose prefix names the service that gave the event up: `dlt_billing_` and what follows `evt_` in the event's id. */
export type DeadLetterId = `dlt_${string}_${string}`;

const DEAD_LETTER_ID = /^dlt_[a-z]+_[0-7][0-9a-hjkmnp-tv-z]{25}$/;
const SUFFIX_CHARACTERS = 26;

export const deadLetterId = (service: string, eventUuid: string): DeadLetterId =>
  `dlt_${service}_${idFromUuid('evt', eventUuid).slice(-SUFFIX_CHARACTERS)}`;

export const partsOfDeadLetterId = (id: DeadLetterId): { readonly service: string; readonly eventUuid: string } => ({
  service: id.slice('dlt_'.length, -SUFFIX_CHARACTERS - 1),
  eventUuid: uuidOf(`evt_${id.slice(-SUFFIX_CHARACTERS)}`),
});

export const DeadLetterIdSchema = Type.Unsafe<DeadLetterId>(
  Type.String({
    pattern: DEAD_LETTER_ID.source,
    description: 'TypeID with the prefix dlt_ and the name of the service',
    examples: ['dlt_billing_01h455vb4pex5vsknk084sn02q'],
  }),
);

const ServiceName = Type.String({ pattern: '^[a-z]{1,40}$', examples: ['billing'] });
const EventTypeName = Type.String({
  pattern: '^[a-z]+(\\.[a-z]+(-[a-z]+)*){2}\\.v[1-9][0-9]{0,3}$',
  maxLength: 200,
  examples: ['payments.payment.settled.v1'],
});
const ConsumerName = Type.String({
  pattern: '^[a-z-]{1,100}$',
  description: 'The consumer that gave the event up: <service>--<source service>-<aggregate>',
  examples: ['billing--payments-payment'],
});
const State = OneOf(['dead', 'redriving', 'handled'], {
  description: 'dead: given up. redriving: on its way to its consumer again. handled: it has had its effect since',
});

export const DeadLetterView = Closed({
  id: DeadLetterIdSchema,
  tenantId: IdSchema('ten'),
  service: ServiceName,
  consumer: Type.String(),
  event: Closed({
    id: IdSchema('evt'),
    type: Type.String(),
    subject: Type.String({ description: 'The id of what the event is about' }),
    version: Type.Integer({ description: 'Of that, after the event' }),
    time: Type.String(),
    data: Type.Unknown(),
  }),
  cause: Type.String({ description: 'What the last attempt ended with' }),
  attempts: Type.Integer(),
  state: State,
  diedAt: InstantSchema,
  redrives: Type.Integer({ description: 'How often it was driven again' }),
  redrivenAt: Type.Union([InstantSchema, Type.Null()]),
  handledAt: Type.Union([InstantSchema, Type.Null()]),
});
export type DeadLetterViewBody = Static<typeof DeadLetterView>;

/** What letters are looked for by, everywhere. */
export const deadLetterFilters = {
  consumer: Type.Optional(ConsumerName),
  type: Type.Optional(EventTypeName),
  state: Type.Optional(State),
  /** For whoever runs the platform. */
  tenantId: Type.Optional(IdSchema('ten')),
} satisfies TProperties;

export const ServiceFilter = Type.Optional(ServiceName);

export const deadLetterNotFound = notFound;
export const deadLetterUnhandled = defineProblem({
  code: 'dead-letter-unhandled',
  category: 'conflict',
  title: 'Nobody handles this event any more',
});

/** Whose letters: those of the tenant of the passport, or (asked by a gateway for an operator) everybody's. */
const Scope = OneOf(['tenant', 'platform']);
const Uuid = Type.String({ format: 'uuid', pattern: '^[0-9a-f-]{36}$' });

const inner = { access: 'services', callers: ['gateway'] } as const;
const params = Closed({ deadLetterId: DeadLetterIdSchema });
const query = Closed({ scope: Scope });

/**
 * The part of each service in `/v1/dead-letters`, which the gateway puts together: the letters lie where their handlers
 * are. The same for every service, so that the kit can serve it and the gateway needs to know no service by name.
 */
export const deadLetterEndpoints = (service: string) => ({
  list: endpoint({
    ...inner,
    name: `${service}.list-dead-letters`,
    method: 'GET',
    path: '/internal/dead-letters',
    summary: 'Events that this service gave up on, newest event first',
    query: Closed({
      scope: Scope,
      ...deadLetterFilters,
      before: Type.Optional(Uuid),
      /** Whether what is at `before` belongs to the page as well. */
      isInclusive: Type.Optional(Type.Boolean()),
      limit: Type.Integer({ minimum: 1, maximum: 200 }),
    }),
    response: Closed({
      data: Type.Array(DeadLetterView),
      /** Everything from here on has been looked at; null when there is no more. */
      lookedAtUuid: Type.Union([Uuid, Type.Null()]),
    }),
  }),
  read: endpoint({
    ...inner,
    name: `${service}.read-dead-letter`,
    method: 'GET',
    path: '/internal/dead-letters/:deadLetterId',
    summary: 'One of them',
    params,
    query,
    response: DeadLetterView,
    problems: [deadLetterNotFound],
  }),
  redrive: endpoint({
    ...inner,
    name: `${service}.redrive-dead-letter`,
    method: 'POST',
    path: '/internal/dead-letters/:deadLetterId/redrive',
    summary: 'Send it to its consumer again',
    params,
    query,
    response: DeadLetterView,
    status: 202,
    problems: [deadLetterNotFound, deadLetterUnhandled],
  }),
  purge: endpoint({
    ...inner,
    name: `${service}.purge-dead-letter`,
    method: 'DELETE',
    path: '/internal/dead-letters/:deadLetterId',
    summary: 'Forget it',
    params,
    query,
    problems: [deadLetterNotFound],
  }),
  purgeAll: endpoint({
    ...inner,
    name: `${service}.purge-dead-letters`,
    method: 'POST',
    path: '/internal/dead-letters/purge',
    summary: 'Forget those that fit, one portion at a time',
    body: Closed({
      ...deadLetterFilters,
      diedBefore: Type.Optional(InstantSchema),
      before: Type.Optional(Uuid),
    }),
    response: Closed({ purged: Type.Integer(), lookedAtUuid: Type.Union([Uuid, Type.Null()]) }),
  }),
});
