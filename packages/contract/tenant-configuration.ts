import { type Static, Type } from 'typebox';
import { Closed } from './schemas.ts';

/** A steady rate; `burstSeconds` of unused requests may be made up for at once. */
export const RateSchema = Closed({
  requestsPerSecond: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
  burstSeconds: Type.Integer({ minimum: 1, maximum: 3_600 }),
});

export type Rate = Static<typeof RateSchema>;

const OpenAtOnce = Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 }));

/** RFC 6454 §6.2, as a browser sends it: scheme, host, and a port where it is not the scheme's own. */
const OriginSchema = Type.String({ pattern: '^https?://[a-z0-9.-]+(:[0-9]{1,5})?$', maxLength: 253 });

/**
 * One layer of a tenant's configuration: what it leaves out is the business of the layers below it.
 * Default < plan < the tenant's own < what operators set for that tenant. A new field goes here, into
 * `TenantConfiguration`, and into `mergeLayers`.
 */
export const ConfigurationLayerSchema = Closed({
  rateLimits: Type.Optional(
    Closed({
      /** Of all requests with a token of this tenant. */
      tenant: Type.Optional(RateSchema),
      /** Of each user or key of the tenant. */
      principal: Type.Optional(RateSchema),
      /** Of the tenant on one route, by method and pattern: `POST /v1/payments`. */
      routes: Type.Optional(Type.Record(Type.String({ pattern: '^(GET|POST|PUT|PATCH|DELETE) /[^ ]*$' }), RateSchema)),
    }),
  ),
  /** Share of the gateway under overload, relative to the others'. */
  weight: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
  /** How many may be open at once, over all gateways; a change counts for what opens after it. */
  liveConnections: Type.Optional(
    Closed({
      eventStreamsPerTenant: OpenAtOnce,
      /** Of each user or key of the tenant. */
      eventStreamsPerPrincipal: OpenAtOnce,
      webSocketsPerTenant: OpenAtOnce,
      webSocketsPerPrincipal: OpenAtOnce,
    }),
  ),
  cors: Type.Optional(
    Closed({
      allowedOrigins: Type.Optional(Type.Array(OriginSchema, { maxItems: 100, uniqueItems: true })),
      allowCredentials: Type.Optional(Type.Boolean()),
      maxAgeSeconds: Type.Optional(Type.Integer({ minimum: 0, maximum: 86_400 })),
    }),
  ),
});

export type ConfigurationLayer = Static<typeof ConfigurationLayerSchema>;

/**
 * What a tenant's own admins may set. A list of what is allowed: whatever a layer can say and is not named here is the
 * operators' alone, limits and weight above all. One tenant's pages are its own business; its share of the house is not.
 */
export const OwnConfigurationSchema = Closed({ cors: ConfigurationLayerSchema.properties.cors });

export type OwnConfiguration = Static<typeof OwnConfigurationSchema>;

/** What counts of a tenant's own layer, whoever wrote it and when: a field that is not the tenant's (any more) does not. */
export const ownPartOf = (layer: ConfigurationLayer): OwnConfiguration =>
  Object.fromEntries(
    Object.entries(layer).filter(([field]) => Object.hasOwn(OwnConfigurationSchema.properties, field)),
  );

/** All layers together: every value is there. */
export type TenantConfiguration = {
  readonly rateLimits: {
    readonly tenant: Rate;
    readonly principal: Rate;
    readonly routes: Readonly<Record<string, Rate>>;
  };
  readonly weight: number;
  readonly liveConnections: {
    readonly eventStreamsPerTenant: number;
    readonly eventStreamsPerPrincipal: number;
    readonly webSocketsPerTenant: number;
    readonly webSocketsPerPrincipal: number;
  };
  readonly cors: {
    readonly allowedOrigins: readonly string[];
    readonly allowCredentials: boolean;
    readonly maxAgeSeconds: number;
  };
};

/** The later layer wins, value by value; a list is one value, routes are merged by their name. */
export const mergeLayers = (
  base: TenantConfiguration,
  ...layers: readonly (ConfigurationLayer | undefined)[]
): TenantConfiguration =>
  layers.reduce<TenantConfiguration>(
    (below, layer) =>
      layer === undefined
        ? below
        : {
            rateLimits: {
              tenant: layer.rateLimits?.tenant ?? below.rateLimits.tenant,
              principal: layer.rateLimits?.principal ?? below.rateLimits.principal,
              routes: { ...below.rateLimits.routes, ...layer.rateLimits?.routes },
            },
            weight: layer.weight ?? below.weight,
            liveConnections: { ...below.liveConnections, ...layer.liveConnections },
            cors: { ...below.cors, ...layer.cors },
          },
    base,
  );

/**
 * Written by the hub, watched by everybody. Keys: `default`, `plan.<slug>`, `own.<tenant id>` (by the tenant itself),
 * `tenant.<tenant id>` (by operators). Layers are merged where they are read, so that a change of a plan is one write
 * however many tenants have it, and so that neither a tenant nor an operator ever writes what the other has set.
 */
export const CONFIGURATION_BUCKET = { bucket: 'configuration' } as const;

export const DEFAULT_KEY = 'default';
export const planKey = (slug: string): string => `plan.${slug}`;
export const ownKey = (tenantId: string): string => `own.${tenantId}`;
export const tenantKey = (tenantId: string): string => `tenant.${tenantId}`;

/** The current version of one layer, as it is pushed. */
export type PushedLayer = {
  /** Grows by one with every change, a roll-back included. */
  readonly version: number;
  readonly layer: ConfigurationLayer;
  /** Of the operators' layer for a tenant: the slug of the plan that the tenant has itself; null means none. */
  readonly plan: string | null;
  /** Which change of the tenant's subscription at tenant zero the plan has followed; older ones change nothing any more. */
  readonly planSequence?: number;
};
