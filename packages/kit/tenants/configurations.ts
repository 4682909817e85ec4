import {
  CONFIGURATION_BUCKET,
  DEFAULT_KEY,
  mergeLayers,
  type PushedLayer,
  planKey,
  type TenantConfiguration,
  tenantKey,
} from '@tenantry/contract/tenant-configuration.ts';
import type { Nats } from '@tenantry/events/nats.ts';
import { type PushedState, watchState } from '@tenantry/events/pushed-state.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';

/** Every tenant's configuration, in memory, pushed by the hub. */
export type TenantConfigurations = {
  /** The merged layers; the same object until one of them changes. */
  readonly of: (tenantId: TenantId) => TenantConfiguration;
  /** Those of whom something is known; everybody else has the default. */
  readonly tenantIds: () => readonly TenantId[];
  readonly onChange: (listener: () => void) => void;
  readonly close: () => Promise<void>;
};

export async function openTenantConfigurations(
  nats: Nats,
  options: { readonly base: TenantConfiguration; readonly snapshotFile?: string },
): Promise<TenantConfigurations> {
  const { base, ...watching } = options;
  const state = await watchState<PushedLayer>(nats, { ...CONFIGURATION_BUCKET, ...watching });
  return { ...createTenantConfigurations(base, state), close: () => state.close() };
}

export function createTenantConfigurations(
  base: TenantConfiguration,
  state: Pick<PushedState<PushedLayer>, 'get' | 'entries' | 'onChange'>,
): Omit<TenantConfigurations, 'close'> {
  // Without a layer of its own a tenant has the default's object, so that strangers cannot fill the memory.
  let merged = new Map<string, TenantConfiguration>();
  let byDefault = mergeLayers(base, state.get(DEFAULT_KEY)?.layer);
  state.onChange(() => {
    merged = new Map();
    byDefault = mergeLayers(base, state.get(DEFAULT_KEY)?.layer);
  });
  return {
    of(tenantId) {
      const own = state.get(tenantKey(tenantId));
      if (own === undefined) return byDefault;
      let configuration = merged.get(tenantId);
      if (configuration === undefined) {
        const plan = own.plan === null ? undefined : state.get(planKey(own.plan))?.layer;
        configuration = mergeLayers(byDefault, plan, own.layer);
        merged.set(tenantId, configuration);
      }
      return configuration;
    },
    tenantIds: () =>
      [...state.entries().keys()].flatMap((key) =>
        key.startsWith(tenantKey('')) ? [key.slice(tenantKey('').length) as TenantId] : [],
      ),
    onChange: (listener) => state.onChange(() => listener()),
  };
}
