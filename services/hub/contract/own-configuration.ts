import { endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed, IdSchema, InstantSchema, PageOf, PageQuery, SlugSchema } from '@tenantry/contract/schemas.ts';
import { ConfigurationLayerSchema, OwnConfigurationSchema } from '@tenantry/contract/tenant-configuration.ts';
import { notFound, rateLimited, stale } from '@tenantry/kernel/problems.ts';
import { Type } from 'typebox';
import { preconditionMissing } from '../problems.ts';
import { Nullable } from './schemas.ts';

const VersionSchema = Type.Integer({ minimum: 1 });

/** Of one version: the fields that are not as they were in the one before. */
const ChangedSchema = Type.Array(Type.String(), { description: 'JSON Pointers', examples: [['/cors/allowedOrigins']] });

const OwnConfigurationView = Closed({
  version: Type.Integer({ minimum: 0, description: 'Of `own`, and its ETag; 0 before anything was set' }),
  plan: Nullable(SlugSchema),
  own: OwnConfigurationSchema,
  effective: Type.Unsafe<Type.Static<typeof ConfigurationLayerSchema>>({
    ...ConfigurationLayerSchema,
    description: 'What holds, with plan and platform; what is not in here has the built-in default',
  }),
  overruled: Type.Array(Type.String(), {
    description:
      'JSON Pointers of what is set in `own` without effect, because the platform has set it for this tenant',
  }),
  changedAt: Nullable(InstantSchema),
  changedBy: Nullable(Type.String()),
  restoredFrom: Nullable(VersionSchema),
});

const OwnVersionView = Closed({
  version: VersionSchema,
  own: OwnConfigurationSchema,
  changed: ChangedSchema,
  changedAt: InstantSchema,
  changedBy: Type.String(),
  restoredFrom: Nullable(VersionSchema),
});

const PATH = '/v1/tenant/configuration';
const reading = { method: 'GET', permission: 'configuration:read', reach: 'tenant' } as const;
const writing = {
  permission: 'configuration:write',
  reach: 'tenant',
  response: OwnConfigurationView,
  maxBodyBytes: 32_768,
} as const;

export const readOwnConfigurationEndpoint = endpoint({
  ...reading,
  name: 'hub.read-own-configuration',
  path: PATH,
  summary: 'The configuration of the tenant of this token: what it has set itself, and what holds',
  response: OwnConfigurationView,
});

export const replaceOwnConfigurationEndpoint = endpoint({
  ...writing,
  name: 'hub.replace-own-configuration',
  method: 'PUT',
  path: PATH,
  summary: 'Replace what the tenant of this token has set itself; limits and weight are the platform’s',
  body: OwnConfigurationSchema,
  problems: [stale, preconditionMissing, rateLimited],
  example: { body: { cors: { allowedOrigins: ['https://app.acme.example'] } } },
});

export const listOwnConfigurationVersionsEndpoint = endpoint({
  ...reading,
  name: 'hub.list-own-configuration-versions',
  path: `${PATH}/versions`,
  summary: 'Who has changed what the tenant of this token has set itself, newest first',
  query: PageQuery,
  response: PageOf(OwnVersionView),
});

export const restoreOwnConfigurationEndpoint = endpoint({
  ...writing,
  name: 'hub.restore-own-configuration',
  method: 'POST',
  path: `${PATH}/restore`,
  summary: 'Make an old version of what the tenant of this token has set itself the newest one',
  body: Closed({ version: VersionSchema }),
  problems: [notFound, stale, preconditionMissing, rateLimited],
  example: { body: { version: 1 } },
});

/** For whoever is asked why a tenant's pages stopped working: the tenant's own history, which operators cannot change. */
export const listOwnVersionsOfTenantEndpoint = endpoint({
  name: 'hub.list-own-configuration-versions-of-tenant',
  method: 'GET',
  path: '/v1/config/:tenantId/own/versions',
  summary: 'Who has changed what a tenant has set itself, newest first',
  permission: 'configuration:read',
  reach: 'platform',
  params: Closed({ tenantId: IdSchema('ten') }),
  query: PageQuery,
  response: PageOf(OwnVersionView),
  problems: [notFound],
  example: { params: { tenantId: 'ten_01h455vb4pex5vsknk084sn02q' } },
});
