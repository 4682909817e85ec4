import type { PageQueryInput } from '@tenantry/contract/schemas.ts';
import { ownPartOf } from '@tenantry/contract/tenant-configuration.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import { notFound } from '@tenantry/kernel/problems.ts';
import { type Route, serve, Versioned } from '@tenantry/kit/http/route.ts';
import {
  listOwnConfigurationVersionsEndpoint,
  listOwnVersionsOfTenantEndpoint,
  readOwnConfigurationEndpoint,
  replaceOwnConfigurationEndpoint,
  restoreOwnConfigurationEndpoint,
} from '../contract/own-configuration.ts';
import type { LayerName, LayerVersion } from '../domain/layer.ts';
import { readOwn } from '../use-cases/read-effective.ts';
import { changedBy } from './changed-by.ts';
import type { ConfigurationRoutesDeps } from './configuration.ts';
import { readCursor } from './cursor.ts';
import { readPrecondition } from './precondition.ts';

/** What a tenant reads and writes of itself: always the tenant of the passport, for no other can be named. */
export function ownConfigurationRoutes({ configuration, tenantExists }: ConfigurationRoutesDeps): Route[] {
  const layerOf = (tenantId: TenantId): LayerName => ({ kind: 'own', tenantId });
  const answer = async (tenantId: TenantId, written?: LayerVersion) => {
    const view = await readOwn(configuration, tenantId, written);
    return new Versioned(view, view.version);
  };
  const list = async (tenantId: TenantId, { limit = 50, cursor }: PageQueryInput) => {
    const page = await configuration.versions(layerOf(tenantId), limit, readCursor(cursor));
    return { data: page.data.map(toVersionView), nextCursor: page.nextCursor };
  };
  return [
    serve(readOwnConfigurationEndpoint, ({ principal }) => answer(principal.tenantId)),
    serve(replaceOwnConfigurationEndpoint, async ({ body, headers, principal }) => {
      const layer = layerOf(principal.tenantId);
      const written = await configuration.replace(layer, body, readPrecondition(headers), changedBy(principal));
      return answer(principal.tenantId, written);
    }),
    serve(listOwnConfigurationVersionsEndpoint, ({ query, principal }) => list(principal.tenantId, query)),
    serve(listOwnVersionsOfTenantEndpoint, async ({ params, query }) => {
      if (!(await tenantExists(params.tenantId))) throw notFound('There is no such tenant.');
      return list(params.tenantId, query);
    }),
    serve(restoreOwnConfigurationEndpoint, async ({ body, headers, principal }) => {
      const layer = layerOf(principal.tenantId);
      const written = await configuration.restore(layer, body.version, readPrecondition(headers), changedBy(principal));
      return answer(principal.tenantId, written);
    }),
  ];
}

const toVersionView = ({ version, layer, changed, changedAt, changedBy: by, restoredFrom }: LayerVersion) => ({
  version,
  own: ownPartOf(layer),
  changed: [...(changed ?? [])],
  changedAt,
  changedBy: by,
  restoredFrom,
});
