import type { ConfigurationLayer } from '@tenantry/contract/tenant-configuration.ts';

/**
 * What the platform's plans mean before an operator has said anything else. Pro is four times the settings' own defaults,
 * Enterprise twenty times. Free is what everybody has who has no plan: the default layer and the settings, whatever they are.
 */
export const PLAN_LAYERS: Readonly<Record<string, ConfigurationLayer>> = {
  free: { weight: 1 },
  pro: {
    rateLimits: {
      tenant: { requestsPerSecond: 2_000, burstSeconds: 6 },
      principal: { requestsPerSecond: 1_000, burstSeconds: 6 },
    },
    weight: 4,
    liveConnections: {
      eventStreamsPerTenant: 4_000,
      eventStreamsPerPrincipal: 200,
      webSocketsPerTenant: 4_000,
      webSocketsPerPrincipal: 50,
    },
  },
  enterprise: {
    rateLimits: {
      tenant: { requestsPerSecond: 10_000, burstSeconds: 6 },
      principal: { requestsPerSecond: 5_000, burstSeconds: 6 },
    },
    weight: 20,
    liveConnections: {
      eventStreamsPerTenant: 20_000,
      eventStreamsPerPrincipal: 500,
      webSocketsPerTenant: 20_000,
      webSocketsPerPrincipal: 100,
    },
  },
};
