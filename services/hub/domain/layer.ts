import {
  type ConfigurationLayer,
  DEFAULT_KEY,
  mergeLayers,
  type PushedLayer,
  planKey,
  type TenantConfiguration,
  tenantKey,
} from '@tenantry/contract/tenant-configuration.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';

/** Which layer: the one for everybody, one for all tenants of a plan, or one tenant's. */
export type LayerName =
  | { readonly kind: 'default' }
  | { readonly kind: 'plan'; readonly slug: string }
  | { readonly kind: 'tenant'; readonly tenantId: TenantId };

/** One version as history keeps it, for good. */
export type LayerVersion = PushedLayer & {
  readonly changedAt: string;
  /** `usr_…`, or the name of a service. */
  readonly changedBy: string;
  /** The version whose content came back with this one. */
  readonly restoredFrom: number | null;
};

export function keyOf(name: LayerName): string {
  switch (name.kind) {
    case 'default':
      return DEFAULT_KEY;
    case 'plan':
      return planKey(name.slug);
    case 'tenant':
      return tenantKey(name.tenantId);
  }
}

export function describe(name: LayerName): string {
  switch (name.kind) {
    case 'default':
      return 'The default configuration';
    case 'plan':
      return `The configuration of the plan ${name.slug}`;
    case 'tenant':
      return `The configuration of ${name.tenantId}`;
  }
}

/** What a caller knows of what it is about to replace (RFC 9110 §13.1). */
export type Precondition = { readonly version: number } | 'exists' | 'is-new';

/** Nothing set: what then is absent has the reader's own default. */
const NOTHING = { rateLimits: { routes: {} }, cors: {} } as unknown as TenantConfiguration;

/** Merged by the very function that every reader uses, so what is shown is what holds. */
export const mergeForView = (...layers: readonly (ConfigurationLayer | undefined)[]): ConfigurationLayer =>
  mergeLayers(NOTHING, ...layers) as ConfigurationLayer;
