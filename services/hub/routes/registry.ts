import { validationFailed } from '@tenantry/kernel/problems.ts';
import { type Route, serve } from '@tenantry/kit/http/route.ts';
import { InstanceIndex } from '@tenantry/mesh/instance-index.ts';
import {
  discoverInstancesEndpoint,
  listInstancesEndpoint,
  registerInstanceEndpoint,
  removeInstanceEndpoint,
  renewLeaseEndpoint,
} from '../contract/registry.ts';
import type { InstanceRecordView } from '../contract/schemas.ts';
import type { Registry } from '../use-cases/registry.ts';

const toView = (record: object): InstanceRecordView => record as InstanceRecordView;

export const registryRoutes = (registry: Registry): Route[] => [
  serve(registerInstanceEndpoint, async ({ body }) => {
    if (!body.instanceId.startsWith(`${body.service}-`)) {
      const errors = [{ path: '/instanceId', message: 'must begin with the name of its service' }];
      throw validationFailed('The instance id names another service.', { errors });
    }
    return toView(await registry.register(body));
  }),
  serve(renewLeaseEndpoint, async ({ params, body }) => {
    await registry.renew(params.instanceId, body);
    return undefined;
  }),
  serve(removeInstanceEndpoint, async ({ params }) => {
    await registry.remove(params.instanceId);
    return undefined;
  }),
  serve(listInstancesEndpoint, async () => ({ data: registry.records.map(toView), nextCursor: null })),
  serve(discoverInstancesEndpoint, async ({ query }) => ({
    data: new InstanceIndex(registry.records).find(query.service, query.tenantId).map(toView),
    nextCursor: null,
  })),
];
