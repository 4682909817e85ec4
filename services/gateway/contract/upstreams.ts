import { endpoint } from '@tenantry/contract/endpoint.ts';
import {
  Closed,
  DisplayNameSchema,
  IdSchema,
  InstantSchema,
  OneOf,
  PageOf,
  PageQuery,
} from '@tenantry/contract/schemas.ts';
import { type Static, Type } from 'typebox';
import { tooManyProducts, upstreamInUse, upstreamNotFound } from '../problems.ts';

export const BALANCINGS = [
  'peak-ewma',
  'round-robin',
  'weighted-round-robin',
  'least-connections',
  'consistent-hash',
] as const;
export type BalancingName = (typeof BALANCINGS)[number];

const TargetUrl = Type.String({
  pattern: '^https?://[^/?#@\\s]+/?$',
  maxLength: 300,
  description: 'scheme, host and port of a server, without path or credentials',
  examples: ['https://shop.example.com'],
});

const fields = {
  name: DisplayNameSchema,
  balancing: OneOf(BALANCINGS, { description: 'How a target is chosen; peak-ewma unless said' }),
  hashBy: OneOf(['tenant', 'principal'], { description: 'What stays with one target, for consistent-hash' }),
  timeoutMs: Type.Integer({
    minimum: 100,
    maximum: 120_000,
    description: 'From request to the first byte of the answer',
  }),
  slowStartSeconds: Type.Integer({
    minimum: 0,
    maximum: 600,
    description: 'So long a new target gets less than its share',
  }),
};

const HealthCheckSchema = Closed({
  /** Answers 2xx while the target takes requests. */
  path: Type.String({ pattern: "^/[A-Za-z0-9._~!$&'()*+,=:@/-]*$", maxLength: 256 }),
  intervalSeconds: Type.Integer({ minimum: 1, maximum: 300 }),
  timeoutSeconds: Type.Integer({ minimum: 1, maximum: 30 }),
  unhealthyAfter: Type.Integer({ minimum: 1, maximum: 10 }),
  healthyAfter: Type.Integer({ minimum: 1, maximum: 10 }),
});
export type HealthCheck = Static<typeof HealthCheckSchema>;

/** There is no field that turns the check of a certificate off, and there will be none. */
const TlsSchema = Closed({
  caCertificates: Type.Optional(
    Type.Array(Type.String({ maxLength: 8_192 }), {
      maxItems: 8,
      description:
        'Certificates in PEM, one in each text: these and no others are trusted. Left out: the public authorities',
    }),
  ),
  serverName: Type.Optional(
    Type.String({
      pattern: '^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$',
      description: 'Asked for and looked for in the certificate instead of the host of the target',
      examples: ['shop.example.com'],
    }),
  ),
});
const TlsView = Closed({
  caCertificates: Type.Array(Type.String()),
  serverName: Type.Union([Type.String(), Type.Null()]),
});

const HeaderName = Type.String({ pattern: "^[!#$%&'*+.^`|~0-9A-Za-z-]{1,64}$", examples: ['x-api-key'] });

/** Sent with every request and health check to the targets, and never shown again. */
const SecretHeaderSchema = Closed({
  name: HeaderName,
  value: Type.Optional(
    Type.String({
      pattern: '^[\\x21-\\x7e]([\\x20-\\x7e]*[\\x21-\\x7e])?$',
      maxLength: 4_096,
      description: 'Left out, the one that is set stays, as long as targets and tls do',
    }),
  ),
});

/** Shown to targets behind https that ask for one. */
const ClientCertificateSchema = Closed({
  certificateChain: Type.String({
    maxLength: 32_768,
    description: 'In PEM: the certificate itself, then those that lead from it to its authority',
  }),
  privateKey: Type.Optional(
    Type.String({
      maxLength: 16_384,
      description:
        'In PEM, without a passphrase; never shown again. Left out, the one that is set stays, as long as targets and tls do',
    }),
  ),
});

const Weight = Type.Integer({ minimum: 1, maximum: 1_000 });

export const UpstreamInputSchema = Closed({
  name: fields.name,
  targets: Type.Array(Closed({ url: TargetUrl, weight: Type.Optional(Weight) }), { minItems: 1, maxItems: 32 }),
  balancing: Type.Optional(fields.balancing),
  hashBy: Type.Optional(fields.hashBy),
  healthCheck: Type.Optional(Type.Union([HealthCheckSchema, Type.Null()])),
  tls: Type.Optional(Type.Union([TlsSchema, Type.Null()])),
  secretHeaders: Type.Optional(Type.Array(SecretHeaderSchema, { maxItems: 8 })),
  clientCertificate: Type.Optional(Type.Union([ClientCertificateSchema, Type.Null()])),
  timeoutMs: Type.Optional(fields.timeoutMs),
  slowStartSeconds: Type.Optional(fields.slowStartSeconds),
});
export type UpstreamInput = Static<typeof UpstreamInputSchema>;

export const UpstreamView = Closed({
  id: IdSchema('ups'),
  ...fields,
  targets: Type.Array(Closed({ url: Type.String(), weight: Weight })),
  healthCheck: Type.Union([HealthCheckSchema, Type.Null()]),
  tls: Type.Union([TlsView, Type.Null()]),
  secretHeaders: Type.Array(
    Closed({
      name: Type.String(),
      isSet: Type.Boolean({ description: 'false: it cannot be read any more and has to be set again' }),
    }),
  ),
  clientCertificate: Type.Union([
    Closed({
      certificateChain: Type.String(),
      expiresAt: InstantSchema,
      isSet: Type.Boolean({ description: 'false: its key cannot be read any more and has to be set again' }),
    }),
    Type.Null(),
  ]),
  createdAt: InstantSchema,
  updatedAt: InstantSchema,
});
export type UpstreamViewBody = Static<typeof UpstreamView>;

const UpstreamParams = Closed({ upstreamId: IdSchema('ups') });
const example = {
  params: { upstreamId: 'ups_01h455vb4pex5vsknk084sn02q' },
  body: { name: 'Shop', targets: [{ url: 'https://shop.example.com' }] },
};

export const listUpstreams = endpoint({
  name: 'gateway.list-upstreams',
  method: 'GET',
  path: '/v1/upstreams',
  summary: 'The servers of the products behind the gateway, newest first',
  permission: 'upstream:read',
  reach: 'tenant',
  query: PageQuery,
  response: PageOf(UpstreamView),
});

export const createUpstream = endpoint({
  name: 'gateway.create-upstream',
  method: 'POST',
  path: '/v1/upstreams',
  summary: 'Register the servers of a product: for this tenant, or, by the platform, for all tenants',
  permission: 'upstream:write',
  reach: 'tenant',
  body: UpstreamInputSchema,
  response: UpstreamView,
  status: 201,
  idempotency: true,
  problems: [tooManyProducts],
  example: { body: example.body },
});

export const readUpstream = endpoint({
  name: 'gateway.read-upstream',
  method: 'GET',
  path: '/v1/upstreams/:upstreamId',
  summary: 'One upstream',
  permission: 'upstream:read',
  reach: 'tenant',
  params: UpstreamParams,
  response: UpstreamView,
  problems: [upstreamNotFound],
  example: { params: example.params },
});

/** Why a server was not believed to be who its upstream says it is. */
export const UNTRUSTED_REASONS = [
  'certificate-expired',
  'certificate-not-yet-valid',
  'wrong-name',
  'unknown-issuer',
  'certificate-refused',
  'no-tls',
  /** It does not believe the certificate that it was shown. */
  'client-certificate-refused',
] as const;
export type UntrustedReason = (typeof UNTRUSTED_REASONS)[number];

export const TARGET_STATES = ['healthy', 'unhealthy', 'unreachable', 'untrusted', 'failing', 'unknown'] as const;

/** Each process of each gateway finds out for itself, so two questions at one instant may have two answers. */
export const readUpstreamHealth = endpoint({
  name: 'gateway.read-upstream-health',
  method: 'GET',
  path: '/v1/upstreams/:upstreamId/health',
  summary: 'How the targets of an upstream do, as the gateway that answers has found them',
  permission: 'upstream:read',
  reach: 'tenant',
  params: UpstreamParams,
  response: Closed({
    data: Type.Array(
      Closed({
        url: Type.String(),
        state: OneOf(TARGET_STATES, {
          description:
            'unhealthy: fails its health check; unreachable: nobody listens; untrusted: its certificate does not hold; ' +
            'failing: requests fail too often; unknown: nobody has asked it yet',
        }),
        reason: Type.Union([OneOf(UNTRUSTED_REASONS), Type.Null()], { description: 'Why it is untrusted' }),
        since: Type.Union([InstantSchema, Type.Null()], { description: 'Of unreachable and untrusted' }),
      }),
    ),
    nextCursor: Type.Null(),
  }),
  problems: [upstreamNotFound],
  example: { params: example.params },
});

export const replaceUpstream = endpoint({
  name: 'gateway.replace-upstream',
  method: 'PUT',
  path: '/v1/upstreams/:upstreamId',
  summary: 'Change an upstream; requests under way finish where they are',
  permission: 'upstream:write',
  reach: 'tenant',
  params: UpstreamParams,
  body: UpstreamInputSchema,
  response: UpstreamView,
  problems: [upstreamNotFound],
  example,
});

export const deleteUpstream = endpoint({
  name: 'gateway.delete-upstream',
  method: 'DELETE',
  path: '/v1/upstreams/:upstreamId',
  summary: 'Remove an upstream that no route leads to',
  permission: 'upstream:write',
  reach: 'tenant',
  params: UpstreamParams,
  problems: [upstreamNotFound, upstreamInUse],
  example: { params: example.params },
});
