import { endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed, IdSchema, InstantSchema, PageOf, PageQuery, SlugSchema } from '@tenantry/contract/schemas.ts';
import { ConfigurationLayerSchema } from '@tenantry/contract/tenant-configuration.ts';
import { notFound, stale } from '@tenantry/kernel/problems.ts';
import { type Static, Type } from 'typebox';
import { preconditionMissing } from '../problems.ts';
import { Nullable } from './schemas.ts';

const VersionSchema = Type.Integer({ minimum: 1 });

const LayerView = Closed({
  version: VersionSchema,
  layer: ConfigurationLayerSchema,
  /** Of a tenant's layer: the plan that the tenant has itself. */
  plan: Nullable(SlugSchema),
  changedAt: InstantSchema,
  /** `usr_…`, or the name of a service. */
  changedBy: Type.String(),
  /** Of a roll-back: the version whose content this is. */
  restoredFrom: Nullable(VersionSchema),
  /** What is not as it was in the version before, as JSON Pointers. */
  changed: Type.Optional(Type.Array(Type.String())),
});

const EffectiveView = Closed({
  tenantId: IdSchema('ten'),
  plan: Nullable(SlugSchema),
  /** Of which version of each layer this was made. */
  versions: Closed({
    default: Nullable(VersionSchema),
    plan: Nullable(VersionSchema),
    own: Nullable(VersionSchema),
    tenant: Nullable(VersionSchema),
  }),
  /** What is not in here has the built-in default. */
  configuration: ConfigurationLayerSchema,
});

export type LayerAnswer = Static<typeof LayerView>;

const Plan = { slug: SlugSchema };
const Tenant = { tenantId: IdSchema('ten') };
const PLAN_EXAMPLE = { slug: 'pro' };
const TENANT_EXAMPLE = { tenantId: 'ten_01h455vb4pex5vsknk084sn02q' };
const EXAMPLE_LAYER = { rateLimits: { tenant: { requestsPerSecond: 500, burstSeconds: 6 } } };

const reading = { method: 'GET', permission: 'configuration:read', reach: 'platform', problems: [notFound] } as const;
const writing = {
  permission: 'configuration:write',
  reach: 'platform',
  response: LayerView,
  problems: [notFound, stale, preconditionMissing],
} as const;
const listed = { query: PageQuery, response: PageOf(LayerView) } as const;
const replacing = { ...writing, method: 'PUT', body: ConfigurationLayerSchema } as const;
const restoring = { ...writing, method: 'POST' } as const;
/** Text, as everything in a path. */
const VersionParam = { version: Type.String({ pattern: '^[1-9][0-9]{0,8}$', examples: ['1'] }) };

export const readDefaultConfigurationEndpoint = endpoint({
  ...reading,
  name: 'hub.read-default-configuration',
  path: '/v1/config/default',
  summary: 'The configuration that every tenant starts from',
  response: LayerView,
});
export const replaceDefaultConfigurationEndpoint = endpoint({
  ...replacing,
  name: 'hub.replace-default-configuration',
  path: '/v1/config/default',
  summary: 'Replace the configuration that every tenant starts from',
  example: { body: EXAMPLE_LAYER },
});
export const listDefaultConfigurationVersionsEndpoint = endpoint({
  ...reading,
  ...listed,
  name: 'hub.list-default-configuration-versions',
  path: '/v1/config/default/versions',
  summary: 'Every version of the default configuration',
});
export const restoreDefaultConfigurationEndpoint = endpoint({
  ...restoring,
  name: 'hub.restore-default-configuration',
  path: '/v1/config/default/versions/:version/restore',
  summary: 'Make an old version of the default configuration the newest one',
  params: Closed(VersionParam),
  example: { params: { version: '1' } },
});

export const readPlanConfigurationEndpoint = endpoint({
  ...reading,
  name: 'hub.read-plan-configuration',
  path: '/v1/config/plans/:slug',
  summary: 'What a plan of the platform changes for the tenants that have it',
  params: Closed(Plan),
  response: LayerView,
  example: { params: PLAN_EXAMPLE },
});
export const replacePlanConfigurationEndpoint = endpoint({
  ...replacing,
  name: 'hub.replace-plan-configuration',
  path: '/v1/config/plans/:slug',
  summary: 'Replace what a plan of the platform changes for the tenants that have it',
  params: Closed(Plan),
  example: { params: PLAN_EXAMPLE, body: EXAMPLE_LAYER },
});
export const listPlanConfigurationVersionsEndpoint = endpoint({
  ...reading,
  ...listed,
  name: 'hub.list-plan-configuration-versions',
  path: '/v1/config/plans/:slug/versions',
  summary: 'Every version of the configuration of a plan',
  params: Closed(Plan),
  example: { params: PLAN_EXAMPLE },
});
export const restorePlanConfigurationEndpoint = endpoint({
  ...restoring,
  name: 'hub.restore-plan-configuration',
  path: '/v1/config/plans/:slug/versions/:version/restore',
  summary: 'Make an old version of the configuration of a plan the newest one',
  params: Closed({ ...Plan, ...VersionParam }),
  example: { params: { ...PLAN_EXAMPLE, version: '1' } },
});

export const readTenantConfigurationEndpoint = endpoint({
  ...reading,
  name: 'hub.read-tenant-configuration',
  path: '/v1/config/:tenantId',
  summary: 'What is configured for one tenant alone',
  params: Closed(Tenant),
  response: LayerView,
  example: { params: TENANT_EXAMPLE },
});
export const replaceTenantConfigurationEndpoint = endpoint({
  ...replacing,
  name: 'hub.replace-tenant-configuration',
  path: '/v1/config/:tenantId',
  summary: 'Replace what is configured for one tenant alone',
  params: Closed(Tenant),
  example: { params: TENANT_EXAMPLE, body: EXAMPLE_LAYER },
});
export const listTenantConfigurationVersionsEndpoint = endpoint({
  ...reading,
  ...listed,
  name: 'hub.list-tenant-configuration-versions',
  path: '/v1/config/:tenantId/versions',
  summary: 'Every version of the configuration of one tenant',
  params: Closed(Tenant),
  example: { params: TENANT_EXAMPLE },
});
export const restoreTenantConfigurationEndpoint = endpoint({
  ...restoring,
  name: 'hub.restore-tenant-configuration',
  path: '/v1/config/:tenantId/versions/:version/restore',
  summary: 'Make an old version of the configuration of one tenant the newest one; its plan stays',
  params: Closed({ ...Tenant, ...VersionParam }),
  example: { params: { ...TENANT_EXAMPLE, version: '1' } },
});

const PlanAssignment = Closed({ plan: Nullable(SlugSchema) });

export const assignTenantPlanEndpoint = endpoint({
  name: 'hub.assign-tenant-plan',
  method: 'PUT',
  path: '/v1/config/:tenantId/plan',
  summary: 'Say which plan of the platform a tenant has, or that it has none',
  permission: 'configuration:write',
  reach: 'platform',
  params: Closed(Tenant),
  body: PlanAssignment,
  response: LayerView,
  problems: [notFound],
  example: { params: TENANT_EXAMPLE, body: { plan: 'pro' } },
});

export const readEffectiveConfigurationEndpoint = endpoint({
  name: 'hub.read-effective-configuration',
  method: 'GET',
  path: '/v1/config/:tenantId/effective',
  summary:
    'What holds for a tenant: what is set for it alone, over what it has set itself, over its plan, over the default',
  permission: 'configuration:read',
  reach: 'tenant',
  params: Closed(Tenant),
  response: EffectiveView,
  problems: [notFound],
  example: { params: TENANT_EXAMPLE },
});
