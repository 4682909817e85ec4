import { endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed, IdSchema, InstantSchema, OneOf, PageOf, PageQuery } from '@tenantry/contract/schemas.ts';
import { type Static, type TSchema, Type } from 'typebox';
import { routeNotFound, routeTaken, tooManyProducts } from '../problems.ts';
import { TransformSchema } from './transform.ts';

export const ROUTED_METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** Everything that is not Tenantry's own lives under this prefix: no route can stand in for a path of the house. */
export const PRODUCT_PREFIX = '/apps';

const RoutePath = Type.String({
  pattern: '^/apps(/(:[A-Za-z][A-Za-z0-9]{0,31}|[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,63})){0,16}(/\\*)?$',
  maxLength: 300,
  description: 'a path under /apps with :parameters, and /* at its end for everything below',
  examples: ['/apps/shop/orders/:orderId'],
});

const FeatureName = Type.String({ pattern: '^[a-z][a-z0-9-]{0,62}$', examples: ['api-calls'] });

const PermissionSchema = Closed({
  name: Type.String({ pattern: '^[a-z]+(-[a-z]+)*:[a-z]+(-[a-z]+)*$', maxLength: 100, examples: ['shop-order:read'] }),
  reach: OneOf(['own', 'tenant']),
});

const EntitlementSchema = Type.Union([
  /** The plan of whoever calls must have the feature, with something left of it. */
  Closed({ feature: FeatureName, mode: Type.Literal('check') }),
  /** Every request uses up so much of it. */
  Closed({
    feature: FeatureName,
    mode: Type.Literal('consume'),
    amount: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
  }),
]);
export type RouteEntitlement = Static<typeof EntitlementSchema>;

const RateLimitSchema = Closed({
  limit: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
  windowSeconds: Type.Integer({ minimum: 1, maximum: 86_400 }),
});

const orNull = <const Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);

const fields = {
  upstreamId: IdSchema('ups'),
  methods: Type.Array(OneOf(ROUTED_METHODS), { minItems: 1, maxItems: 5, uniqueItems: true }),
  path: RoutePath,
  access: OneOf(['token', 'public'], { description: 'public: nobody is asked for a token; for the platform only' }),
  permission: orNull(PermissionSchema),
  entitlement: orNull(EntitlementSchema),
  rateLimit: orNull(RateLimitSchema),
  transform: orNull(TransformSchema),
  maxBodyBytes: Type.Integer({ minimum: 0, maximum: 104_857_600 }),
  timeoutMs: orNull(Type.Integer({ minimum: 100, maximum: 120_000, description: "null: the upstream's" })),
  webSocket: Type.Boolean({ description: 'Whether WebSockets may be opened here too' }),
  cookies: Type.Boolean({ description: 'Whether cookies pass, both ways' }),
  retry: OneOf(['idempotent', 'never'], { description: 'Which requests may be sent again after they were sent once' }),
};

export const RouteInputSchema = Closed({
  upstreamId: fields.upstreamId,
  methods: fields.methods,
  path: fields.path,
  access: Type.Optional(fields.access),
  permission: Type.Optional(fields.permission),
  entitlement: Type.Optional(fields.entitlement),
  rateLimit: Type.Optional(fields.rateLimit),
  transform: Type.Optional(fields.transform),
  maxBodyBytes: Type.Optional(fields.maxBodyBytes),
  timeoutMs: Type.Optional(fields.timeoutMs),
  webSocket: Type.Optional(fields.webSocket),
  cookies: Type.Optional(fields.cookies),
  retry: Type.Optional(fields.retry),
});
export type RouteInput = Static<typeof RouteInputSchema>;

export const RouteView = Closed({
  id: IdSchema('rte'),
  ...fields,
  createdAt: InstantSchema,
  updatedAt: InstantSchema,
});
export type RouteViewBody = Static<typeof RouteView>;

const RouteParams = Closed({ routeId: IdSchema('rte') });
const example = {
  params: { routeId: 'rte_01h455vb4pex5vsknk084sn02q' },
  body: { upstreamId: 'ups_01h455vb4pex5vsknk084sn02q', methods: ['GET'], path: '/apps/shop/*' },
};

export const listRoutes = endpoint({
  name: 'gateway.list-routes',
  method: 'GET',
  path: '/v1/routes',
  summary: 'The paths that lead to products, newest first',
  permission: 'route:read',
  reach: 'tenant',
  query: PageQuery,
  response: PageOf(RouteView),
});

export const createRoute = endpoint({
  name: 'gateway.create-route',
  method: 'POST',
  path: '/v1/routes',
  summary: 'Lead a path to an upstream, with what is asked and changed on the way',
  permission: 'route:write',
  reach: 'tenant',
  body: RouteInputSchema,
  response: RouteView,
  status: 201,
  idempotency: true,
  problems: [routeTaken, tooManyProducts],
  example: { body: example.body },
});

export const readRoute = endpoint({
  name: 'gateway.read-route',
  method: 'GET',
  path: '/v1/routes/:routeId',
  summary: 'One route',
  permission: 'route:read',
  reach: 'tenant',
  params: RouteParams,
  response: RouteView,
  problems: [routeNotFound],
  example: { params: example.params },
});

export const replaceRoute = endpoint({
  name: 'gateway.replace-route',
  method: 'PUT',
  path: '/v1/routes/:routeId',
  summary: 'Change a route; it counts for the next request everywhere',
  permission: 'route:write',
  reach: 'tenant',
  params: RouteParams,
  body: RouteInputSchema,
  response: RouteView,
  problems: [routeNotFound, routeTaken],
  example,
});

export const deleteRoute = endpoint({
  name: 'gateway.delete-route',
  method: 'DELETE',
  path: '/v1/routes/:routeId',
  summary: 'Remove a route',
  permission: 'route:write',
  reach: 'tenant',
  params: RouteParams,
  problems: [routeNotFound],
  example: { params: example.params },
});
