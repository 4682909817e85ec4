import type { TenantConfiguration } from '@tenantry/contract/tenant-configuration.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import type { LiveLimits } from './live-connections.ts';
import type { LiveKind } from './live-counts.ts';

/** What a configuration says of one kind of what stays open. */
const liveLimits = ({ liveConnections }: TenantConfiguration, kind: LiveKind): LiveLimits =>
  kind === 'websocket'
    ? { perTenant: liveConnections.webSocketsPerTenant, perPrincipal: liveConnections.webSocketsPerPrincipal }
    : { perTenant: liveConnections.eventStreamsPerTenant, perPrincipal: liveConnections.eventStreamsPerPrincipal };

/** A tenant's by its configuration (default < plan < tenant), an address's by the settings. */
export const createLiveLimits =
  (base: TenantConfiguration, configurations: { readonly of: (tenantId: TenantId) => TenantConfiguration }) =>
  (kind: LiveKind, tenantId: TenantId | null): LiveLimits =>
    liveLimits(tenantId === null ? base : configurations.of(tenantId), kind);
