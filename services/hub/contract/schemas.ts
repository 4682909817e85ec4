import { Closed, IdSchema } from '@tenantry/contract/schemas.ts';
import type { EndpointRecord } from '@tenantry/mesh/registry.ts';
import { type Static, Type } from 'typebox';

const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';

/** Lower-case letters only: the name is the first token of registry keys and of instance ids. */
export const ServiceNameSchema = Type.String({ pattern: '^[a-z]{1,40}$', examples: ['billing'] });

export const InstanceIdSchema = Type.String({ pattern: `^[a-z]{1,40}-${UUID}$` });

export const Nullable = <const Schema extends Parameters<typeof Type.Union>[0][number]>(schema: Schema) =>
  Type.Union([schema, Type.Null()]);

const EndpointRecordSchema = Closed({
  name: Type.String({ pattern: '^[a-z][A-Za-z0-9.-]{0,119}$' }),
  method: Type.Union([
    Type.Literal('GET'),
    Type.Literal('POST'),
    Type.Literal('PUT'),
    Type.Literal('PATCH'),
    Type.Literal('DELETE'),
  ]),
  // Literal segments and whole `:param` segments: what every router on the way understands alike.
  path: Type.String({ pattern: '^(/(:[A-Za-z]+|[A-Za-z0-9._-]+))+$', maxLength: 200 }),
  access: Type.Union([Type.Literal('public'), Type.Literal('principal')]),
  permission: Nullable(Type.Unsafe<`${string}:${string}`>(Type.String({ pattern: '^[a-z-]+:[a-z-]+$' }))),
  reach: Nullable(Type.Union([Type.Literal('own'), Type.Literal('tenant'), Type.Literal('platform')])),
  idempotency: Type.Boolean(),
  rateLimit: Nullable(
    Closed({ limit: Type.Integer({ minimum: 1 }), windowSeconds: Type.Integer({ minimum: 1, maximum: 86_400 }) }),
  ),
  maxBodyBytes: Type.Integer({ minimum: 0, maximum: 104_857_600 }),
  streamsBody: Type.Optional(Type.Boolean()),
  webSocket: Type.Optional(Type.Boolean()),
  openapi: Type.Unsafe<EndpointRecord['openapi']>(
    Closed({ path: Type.String(), method: Type.String(), operation: Type.Record(Type.String(), Type.Unknown()) }),
  ),
});

const announced = {
  instanceId: InstanceIdSchema,
  service: ServiceNameSchema,
  url: Type.String({
    pattern: '^https?://[A-Za-z0-9.\\-[\\]:]+$',
    maxLength: 200,
    examples: ['http://127.0.0.1:8025'],
  }),
  meshUrl: Type.Optional(Type.String({ pattern: '^https://[A-Za-z0-9.\\-[\\]:]+$', maxLength: 200 })),
  publicKey: Closed({
    kty: Type.Literal('EC'),
    crv: Type.Literal('P-256'),
    x: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }),
    y: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }),
  }),
  endpoints: Type.Array(EndpointRecordSchema, { maxItems: 1_000 }),
  /** Whom it serves; null means everybody. */
  tenants: Type.Optional(Nullable(Type.Array(IdSchema('ten'), { maxItems: 5_000, uniqueItems: true }))),
  weight: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
  /** Counts the registrations of one process. */
  attempt: Type.Optional(Type.Integer({ minimum: 1 })),
};

export const InstanceAnnouncementSchema = Closed({
  ...announced,
  /** The generation that this process had last. */
  lastGeneration: Type.Optional(Nullable(Type.Integer({ minimum: 0 }))),
});

export const InstanceRecordSchema = Closed({
  ...announced,
  // A record may stem from another writer's test or an older release: what is in the bucket is shown as it is.
  instanceId: Type.String(),
  status: Type.Union([Type.Literal('up'), Type.Literal('draining')]),
  generation: Type.Integer(),
  registeredAt: Type.String(),
});

export type InstanceRecordView = Static<typeof InstanceRecordSchema>;
