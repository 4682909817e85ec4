import type { KeyObject } from 'node:crypto';
import { fromPublicJwk } from '@tenantry/auth/jws.ts';
import type { Issuer } from '@tenantry/auth/passport.ts';
import type { Nats } from '@tenantry/events/nats.ts';
import { type PushedState, watchState } from '@tenantry/events/pushed-state.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import { InstanceIndex } from './instance-index.ts';
import { keepRecord } from './keep-record.ts';
import { type InstanceRecord, REGISTRY_BUCKET, registryKey } from './registry.ts';

/** The registry as this process knows it. Every lookup is answered from memory; losing the hub means "older", never "empty". */
export type Discovery = {
  /**
   * Instances that take new calls: a tenant's own ones if it has any, else those for everybody. Another tenant's are never
   * among them, nor any tenant's when none is named.
   */
  readonly instancesOf: (service: string, tenantId?: TenantId) => readonly InstanceRecord[];
  readonly all: () => readonly InstanceRecord[];
  /** False while neither the registry nor a snapshot of it has told anything. */
  readonly isKnown: () => boolean;
  /** Who signs with this `kid`; asks the registry once when the push has not arrived yet, then believes `keyOf`. */
  readonly issuerOf: (instanceId: string) => Promise<Issuer | null>;
  readonly onChange: (listener: () => void) => void;
  readonly close: () => Promise<void>;
};

const MAX_DERIVED = 1_000;

const serviceOf = (instanceId: string): string => instanceId.slice(0, instanceId.indexOf('-'));

export type DiscoveryOptions = {
  readonly snapshotFile?: string;
  /** The key that an instance of the house must have, for one that the registry has not told of. */
  readonly keyOf?: (instanceId: string) => KeyObject;
};

export async function openDiscovery(nats: Nats, options: DiscoveryOptions = {}): Promise<Discovery> {
  const { keyOf, ...watching } = options;
  const state: PushedState<InstanceRecord> = await watchState(nats, {
    ...REGISTRY_BUCKET,
    ...watching,
    keep: keepRecord,
  });
  const keys = new Map<string, KeyObject>();
  /** Of instances that nobody has told of, so that each is asked for once. */
  const derived = new Map<string, Issuer>();
  // Made at the first question after a change: a thousand records that arrive together cost one index, not a thousand.
  let index: InstanceIndex | null = null;
  state.onChange(() => {
    index = null;
  });

  const toIssuer = (record: InstanceRecord): Issuer => {
    let key = keys.get(record.publicKey.x);
    if (key === undefined) {
      key = fromPublicJwk(record.publicKey);
      keys.set(record.publicKey.x, key);
    }
    return { service: record.service, key };
  };

  return {
    instancesOf(service, tenantId) {
      index ??= new InstanceIndex(state.entries().values());
      return index.find(service, tenantId);
    },
    all: () => [...state.entries().values()],
    isKnown: () => state.isKnown(),
    async issuerOf(instanceId) {
      const key = registryKey({ service: serviceOf(instanceId), instanceId });
      if (!/^[a-z]+\.[a-z0-9-]+$/.test(key)) return null;
      const record = state.get(key) ?? derived.get(instanceId) ?? (await state.refresh(key));
      if (record !== undefined) return 'key' in record ? record : toIssuer(record);
      if (keyOf === undefined) return null;
      if (derived.size >= MAX_DERIVED) derived.clear();
      const issuer = { service: serviceOf(instanceId), key: keyOf(instanceId) };
      derived.set(instanceId, issuer);
      return issuer;
    },
    onChange: (listener) => state.onChange(() => listener()),
    close: () => state.close(),
  };
}
