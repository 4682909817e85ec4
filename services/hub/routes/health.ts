import { type Route, serve } from '@tenantry/kit/http/route.ts';
import { readHubHealthEndpoint } from '../contract/health.ts';
import { readServiceMapEndpoint } from '../contract/service-map.ts';
import { type HealthDeps, readHealth } from '../use-cases/read-health.ts';
import { readServiceMap } from '../use-cases/read-service-map.ts';

export const healthRoutes = (deps: HealthDeps): Route[] => [
  serve(readHubHealthEndpoint, async ({ query }) => readHealth(deps, query.tenantId)),
  serve(readServiceMapEndpoint, async () => readServiceMap(deps.records(), readHealth(deps), deps.leases)),
];
