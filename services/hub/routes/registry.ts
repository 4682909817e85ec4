import { notFound, validationFailed } from '@tenantry/kernel/problems.ts';
import { type Route, serve } from '@tenantry/kit/http/route.ts';
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
  serve(renewLeaseEndpoint, async ({ params }) => {
    if (!registry.renew(params.instanceId))
      throw notFound(`The registry does not know ${params.instanceId}. Register it again.`);
    return undefined;
  }),
  serve(removeInstanceEndpoint, async ({ params }) => {
    await registry.remove(params.instanceId);
    return undefined;
  }),
  serve(listInstancesEndpoint, async () => ({ data: registry.records.map(toView), nextCursor: null })),
  serve(discoverInstancesEndpoint, async ({ query }) => ({
    data: registry.records.filter(({ service, status }) => service === query.service && status === 'up').map(toView),
    nextCursor: null,
  })),
];
