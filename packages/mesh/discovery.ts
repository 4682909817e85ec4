import type { KeyObject } from 'node:crypto';
import { fromPublicJwk } from '@tenantry/auth/jws.ts';
import type { Issuer } from '@tenantry/auth/passport.ts';
import type { Nats } from '@tenantry/events/nats.ts';
import { type PushedState, watchState } from '@tenantry/events/pushed-state.ts';
import { type InstanceRecord, REGISTRY_BUCKET, registryKey } from './registry.ts';

/** The registry as this process knows it. Every lookup is answered from memory; losing the hub means "older", never "empty". */
export type Discovery = {
  /** Instances that take new calls. */
  readonly instancesOf: (service: string) => readonly InstanceRecord[];
  readonly all: () => readonly InstanceRecord[];
  /** Who signs with this `kid`; asks the registry once when the push has not arrived yet. */
  readonly issuerOf: (instanceId: string) => Promise<Issuer | null>;
  readonly onChange: (listener: () => void) => void;
  readonly close: () => Promise<void>;
};

const serviceOf = (instanceId: string): string => instanceId.slice(0, instanceId.indexOf('-'));

export async function openDiscovery(nats: Nats, options: { readonly snapshotFile?: string } = {}): Promise<Discovery> {
  const state: PushedState<InstanceRecord> = await watchState(nats, { ...REGISTRY_BUCKET, ...options });
  const keys = new Map<string, KeyObject>();
  let byService = new Map<string, InstanceRecord[]>();
  const index = (): void => {
    byService = Map.groupBy(
      [...state.entries().values()].filter((record) => record.status === 'up'),
      (record) => record.service,
    );
  };
  index();
  state.onChange(index);

  const toIssuer = (record: InstanceRecord): Issuer => {
    let key = keys.get(record.publicKey.x);
    if (key === undefined) {
      key = fromPublicJwk(record.publicKey);
      keys.set(record.publicKey.x, key);
    }
    return { service: record.service, key };
  };

  return {
    instancesOf: (service) => byService.get(service) ?? [],
    all: () => [...state.entries().values()],
    async issuerOf(instanceId) {
      const key = registryKey({ service: serviceOf(instanceId), instanceId });
      if (!/^[a-z]+\.[a-z0-9-]+$/.test(key)) return null;
      const record = state.get(key) ?? (await state.refresh(key));
      return record === undefined ? null : toIssuer(record);
    },
    onChange: (listener) => state.onChange(() => listener()),
    close: () => state.close(),
  };
}
