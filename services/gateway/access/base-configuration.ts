import type { TenantConfiguration } from '@tenantry/contract/tenant-configuration.ts';
import type { GatewayConfiguration } from '../config.ts';

/** What a tenant has where no layer says otherwise: the process's own settings, and no web pages. */
export function baseConfiguration(configuration: GatewayConfiguration): TenantConfiguration {
  const perTenant = {
    requestsPerSecond: configuration.RATE_LIMIT_TENANT_PER_SECOND,
    burstSeconds: configuration.RATE_LIMIT_TENANT_BURST_SECONDS,
  };
  return {
    rateLimits: { tenant: perTenant, principal: perTenant, routes: {} },
    weight: 1,
    cors: { allowedOrigins: [], allowCredentials: false, maxAgeSeconds: 600 },
  };
}
