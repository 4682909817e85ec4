import { type Route, serve } from '@tenantry/kit/http/route.ts';
import { type HubHealth, readHubHealthEndpoint } from '../contract/health.ts';
import type { Registry } from '../use-cases/registry.ts';

export const healthRoutes = (registry: Registry): Route[] => [
  serve(readHubHealthEndpoint, async () => {
    const byService = Map.groupBy(registry.records, (record) => record.service);
    const services: HubHealth['services'] = [...byService]
      .toSorted(([a], [b]) => a.localeCompare(b))
      .map(([name, records]) => ({
        name,
        instances: records.map(({ instanceId, url, status, registeredAt }) => ({
          instanceId,
          url,
          status,
          registeredAt,
          lastBeatAgeMs: registry.lastBeatAgeMs(instanceId),
        })),
      }));
    return { selfPreservation: registry.isPreserving, services };
  }),
];
