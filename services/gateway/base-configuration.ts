import type { TenantConfiguration } from '@tenantry/contract/tenant-configuration.ts';
import type { GatewayConfiguration } from './config.ts';

/** What a tenant has of whom the hub has said nothing: the bottom below the layers default, plan and tenant. */
export const baseConfiguration = (configuration: GatewayConfiguration): TenantConfiguration => ({
  rateLimits: {
    tenant: {
      requestsPerSecond: configuration.RATE_LIMIT_TENANT_PER_SECOND,
      burstSeconds: configuration.RATE_LIMIT_TENANT_BURST_SECONDS,
    },
    principal: {
      requestsPerSecond: configuration.RATE_LIMIT_PRINCIPAL_PER_SECOND,
      burstSeconds: configuration.RATE_LIMIT_PRINCIPAL_BURST_SECONDS,
    },
    routes: {},
  },
  weight: 1,
  liveConnections: {
    eventStreamsPerTenant: configuration.EVENT_STREAMS_PER_TENANT,
    eventStreamsPerPrincipal: configuration.EVENT_STREAMS_PER_PRINCIPAL,
    webSocketsPerTenant: configuration.WEBSOCKETS_PER_TENANT,
    webSocketsPerPrincipal: configuration.WEBSOCKETS_PER_PRINCIPAL,
  },
  cors: { allowedOrigins: [], allowCredentials: false, maxAgeSeconds: 600 },
});
