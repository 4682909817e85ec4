import {
  type ConfigurationLayer,
  DEFAULT_KEY,
  mergeLayers,
  ownKey,
  planKey,
  type TenantConfiguration,
  tenantKey,
} from '@tenantry/contract/tenant-configuration.ts';
import type { LayerName } from '../domain/layer.ts';

export function keyOf(name: LayerName): string {
  switch (name.kind) {
    case 'default':
      return DEFAULT_KEY;
    case 'plan':
      return planKey(name.slug);
    case 'own':
      return ownKey(name.tenantId);
    case 'tenant':
      return tenantKey(name.tenantId);
  }
}

/** Nothing set: what then is absent has the reader's own default. */
const NOTHING = { rateLimits: { routes: {} }, liveConnections: {}, cors: {} } as unknown as TenantConfiguration;

/** Merged by the very function that every reader uses, so what is shown is what holds. */
export const mergeForView = (...layers: readonly (ConfigurationLayer | undefined)[]): ConfigurationLayer =>
  // Through JSON, as it goes out: a value that no layer sets is not there.
  JSON.parse(JSON.stringify(mergeLayers(NOTHING, ...layers)));
