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
  /** The merged layers; the same object until one of them changes. */
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
  // Without a layer of its own a tenant has the default's object, so that strangers cannot fill the memory.
  let merged = new Map<string, TenantConfiguration>();
  let byDefault = mergeLayers(base, state.get(DEFAULT_KEY)?.layer);
  state.onChange(() => {
    merged = new Map();
    byDefault = mergeLayers(base, state.get(DEFAULT_KEY)?.layer);
  });
  const planOf = (tenantId: TenantId): string | null => state.get(tenantKey(tenantId))?.plan ?? null;
  return {
    of(tenantId) {
      const own = state.get(ownKey(tenantId));
      const byOperators = state.get(tenantKey(tenantId));
      if (own === undefined && byOperators === undefined) return byDefault;
      let configuration = merged.get(tenantId);
      if (configuration === undefined) {
        const plan = planOf(tenantId);
        configuration = mergeLayers(
          byDefault,
          plan === null ? undefined : state.get(planKey(plan))?.layer,
          own === undefined ? undefined : ownPartOf(own.layer),
          byOperators?.layer,
        );
        merged.set(tenantId, configuration);
      }
      return configuration;
    },
    planOf,
    tenantIds: () => [...new Set([...state.entries().keys()].flatMap(tenantOf))],
    onChange: (listener) => state.onChange(() => listener()),
  };
}

/** Whose layer a key names; of the layers for many, nobody's. */
const tenantOf = (key: string): TenantId[] =>
  [ownKey(''), tenantKey('')].flatMap((prefix) =>
    key.startsWith(prefix) ? [key.slice(prefix.length) as TenantId] : [],
  );
