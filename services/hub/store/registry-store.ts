import type { Nats } from '@tenantry/events/nats.ts';
import { openStateWriter } from '@tenantry/events/pushed-state.ts';
import { type InstanceRecord, REGISTRY_BUCKET, registryKey } from '@tenantry/mesh/registry.ts';

/** Beside the registry, as everything in that bucket is a record that every process reads. */
const HUB_BUCKET = { bucket: 'hub' };
const GENERATION_KEY = 'generation';

/** The buckets that only the hub writes. */
export type RegistryStore = {
  readonly put: (record: InstanceRecord) => Promise<void>;
  readonly remove: (record: InstanceRecord) => Promise<void>;
  readonly load: () => Promise<readonly InstanceRecord[]>;
  /** Higher than any before, over restarts too: it is stored before it is used. */
  readonly nextGeneration: () => Promise<number>;
  /** Makes the buckets again if they are gone. */
  readonly reopen: () => Promise<void>;
};

export async function openRegistryStore(nats: Nats): Promise<RegistryStore> {
  const open = () =>
    Promise.all([
      openStateWriter<InstanceRecord>(nats, REGISTRY_BUCKET),
      openStateWriter<{ readonly value: number }>(nats, HUB_BUCKET),
    ]);
  let [registry, own] = await open();
  let generation = (await own.load()).get(GENERATION_KEY)?.value ?? 0;
  return {
    put: (record) => registry.put(registryKey(record), record),
    remove: (record) => registry.remove(registryKey(record)),
    load: async () => [...(await registry.load()).values()],
    async nextGeneration() {
      generation++;
      await own.put(GENERATION_KEY, { value: generation });
      return generation;
    },
    async reopen() {
      [registry, own] = await open();
      await own.put(GENERATION_KEY, { value: generation });
    },
  };
}
