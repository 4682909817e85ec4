import { principalReach } from '@tenantry/auth/principal.ts';
import type { PageQueryInput } from '@tenantry/contract/schemas.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import { notFound } from '@tenantry/kernel/problems.ts';
import { type Route, serve, Versioned } from '@tenantry/kit/http/route.ts';
import {
  assignTenantPlanEndpoint,
  type LayerAnswer,
  listDefaultConfigurationVersionsEndpoint,
  listPlanConfigurationVersionsEndpoint,
  listTenantConfigurationVersionsEndpoint,
  readDefaultConfigurationEndpoint,
  readEffectiveConfigurationEndpoint,
  readPlanConfigurationEndpoint,
  readTenantConfigurationEndpoint,
  replaceDefaultConfigurationEndpoint,
  replacePlanConfigurationEndpoint,
  replaceTenantConfigurationEndpoint,
  restoreDefaultConfigurationEndpoint,
  restorePlanConfigurationEndpoint,
  restoreTenantConfigurationEndpoint,
} from '../contract/configuration.ts';
import type { LayerName, LayerVersion } from '../domain/layer.ts';
import type { Configuration } from '../use-cases/configuration.ts';
import { readEffective } from '../use-cases/read-effective.ts';
import { changedBy as by } from './changed-by.ts';
import { readCursor } from './cursor.ts';
import { readPrecondition } from './precondition.ts';

export type ConfigurationRoutesDeps = {
  readonly configuration: Configuration;
  readonly tenantExists: (tenantId: TenantId) => Promise<boolean>;
};

const DEFAULT: LayerName = { kind: 'default' };
const planLayer = ({ slug }: { readonly slug: string }): LayerName => ({ kind: 'plan', slug });

const toView = ({ planSequence: _, ...shown }: LayerVersion): LayerAnswer => shown as LayerAnswer;
const answer = (version: LayerVersion) => new Versioned(toView(version), version.version);

export function configurationRoutes({ configuration, tenantExists }: ConfigurationRoutesDeps): Route[] {
  const tenantLayer = async ({ tenantId }: { readonly tenantId: TenantId }): Promise<LayerName> => {
    if (!(await tenantExists(tenantId))) throw notFound('There is no such tenant.');
    return { kind: 'tenant', tenantId };
  };
  const list = async (name: LayerName, { limit = 50, cursor }: PageQueryInput) => {
    const page = await configuration.versions(name, limit, readCursor(cursor));
    return { data: page.data.map(toView), nextCursor: page.nextCursor };
  };

  return [
    serve(readDefaultConfigurationEndpoint, async () => answer(await configuration.read(DEFAULT))),
    serve(replaceDefaultConfigurationEndpoint, async ({ body, headers, principal }) =>
      answer(await configuration.replace(DEFAULT, body, readPrecondition(headers), by(principal))),
    ),
    serve(listDefaultConfigurationVersionsEndpoint, ({ query }) => list(DEFAULT, query)),
    serve(restoreDefaultConfigurationEndpoint, async ({ params, headers, principal }) =>
      answer(await configuration.restore(DEFAULT, Number(params.version), readPrecondition(headers), by(principal))),
    ),
    serve(readPlanConfigurationEndpoint, async ({ params }) => answer(await configuration.read(planLayer(params)))),
    serve(replacePlanConfigurationEndpoint, async ({ params, body, headers, principal }) =>
      answer(await configuration.replace(planLayer(params), body, readPrecondition(headers), by(principal))),
    ),
    serve(listPlanConfigurationVersionsEndpoint, ({ params, query }) => list(planLayer(params), query)),
    serve(restorePlanConfigurationEndpoint, async ({ params, headers, principal }) =>
      answer(
        await configuration.restore(
          planLayer(params),
          Number(params.version),
          readPrecondition(headers),
          by(principal),
        ),
      ),
    ),
    serve(readTenantConfigurationEndpoint, async ({ params }) =>
      answer(await configuration.read(await tenantLayer(params))),
    ),
    serve(replaceTenantConfigurationEndpoint, async ({ params, body, headers, principal }) =>
      answer(await configuration.replace(await tenantLayer(params), body, readPrecondition(headers), by(principal))),
    ),
    serve(listTenantConfigurationVersionsEndpoint, async ({ params, query }) => list(await tenantLayer(params), query)),
    serve(restoreTenantConfigurationEndpoint, async ({ params, headers, principal }) =>
      answer(
        await configuration.restore(
          await tenantLayer(params),
          Number(params.version),
          readPrecondition(headers),
          by(principal),
        ),
      ),
    ),
    serve(assignTenantPlanEndpoint, async ({ params, body, principal }) => {
      await tenantLayer(params);
      return answer(await configuration.assignPlan(params.tenantId, body.plan, by(principal)));
    }),
    serve(readEffectiveConfigurationEndpoint, async ({ params, principal }) => {
      const isOwn = principal.tenantId === params.tenantId;
      if (!isOwn && principalReach(principal, 'configuration:read') !== 'platform')
        throw notFound('There is no such tenant.');
      await tenantLayer(params);
      return readEffective(configuration, params.tenantId);
    }),
  ];
}
