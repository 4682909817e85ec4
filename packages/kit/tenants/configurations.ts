import {
  CONFIGURATION_BUCKET,
  DEFAULT_KEY,
  mergeLayers,
  ownKey,
  ownPartOf,
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
  /** The merged layers; the same object until one of them changes, whatever changes for others. */
  readonly of: (tenantId: TenantId) => TenantConfiguration;
  /** The slug of the plan of the platform that the tenant has itself. */
  readonly planOf: (tenantId: TenantId) => string | null;
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
  let byDefault = mergeLayers(base, state.get(DEFAULT_KEY)?.layer);
  // Those alone of whom a layer speaks, so that strangers cannot fill the memory; looked up by their id as it comes, for
  // this is asked several times for each request.
  const tenants = new Map<TenantId, { readonly plan: string | null; merged: TenantConfiguration | null }>();
  const learn = (tenantId: TenantId): void => {
    const byOperators = state.get(tenantKey(tenantId));
    if (byOperators === undefined && state.get(ownKey(tenantId)) === undefined) tenants.delete(tenantId);
    else tenants.set(tenantId, { plan: byOperators?.plan ?? null, merged: null });
  };
  const merge = (tenantId: TenantId, plan: string | null): TenantConfiguration => {
    const own = state.get(ownKey(tenantId));
    return mergeLayers(
      byDefault,
      plan === null ? undefined : state.get(planKey(plan))?.layer,
      own === undefined ? undefined : ownPartOf(own.layer),
      state.get(tenantKey(tenantId))?.layer,
    );
  };
  for (const key of state.entries().keys()) {
    const tenantId = tenantOf(key);
    if (tenantId !== null) learn(tenantId);
  }
  state.onChange((key) => {
    const tenantId = tenantOf(key);
    if (tenantId !== null) return learn(tenantId);
    byDefault = mergeLayers(base, state.get(DEFAULT_KEY)?.layer);
    for (const tenant of tenants.values()) tenant.merged = null;
  });
  return {
    of(tenantId) {
      const tenant = tenants.get(tenantId);
      if (tenant === undefined) return byDefault;
      tenant.merged ??= merge(tenantId, tenant.plan);
      return tenant.merged;
    },
    planOf: (tenantId) => tenants.get(tenantId)?.plan ?? null,
    tenantIds: () => [...tenants.keys()],
    onChange: (listener) => state.onChange(() => listener()),
  };
}

const OF_ONE_TENANT = [ownKey(''), tenantKey('')];

/** Whose layer a key names; of the layers for many, nobody's. */
function tenantOf(key: string): TenantId | null {
  const prefix = OF_ONE_TENANT.find((some) => key.startsWith(some));
  return prefix === undefined ? null : (key.slice(prefix.length) as TenantId);
}
