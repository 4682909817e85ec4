import { CONFIGURATION_BUCKET, type PushedLayer } from '@tenantry/contract/tenant-configuration.ts';
import { openCompareAndSet } from '@tenantry/events/compare-and-set.ts';
import type { Nats } from '@tenantry/events/nats.ts';
import type { LayerVersion } from '../domain/layer.ts';

const HISTORY_BUCKET = 'configuration-history';
const HISTORY_KEY = /^(.+)\.v\.(\d+)$/;
const historyKey = (layerKey: string, version: number): string => `${layerKey}.v.${version}`;

/**
 * Two buckets. History decides: whoever creates version n of a layer has written it. What is pushed follows from it and
 * can be made again from it by anybody, so a crash in between loses nothing and shows nothing half.
 */
export type ConfigurationStore = {
  readonly current: (layerKey: string) => Promise<PushedLayer | null>;
  readonly version: (layerKey: string, version: number) => Promise<LayerVersion | null>;
  /** The highest version that history has. */
  readonly highest: (layerKey: string) => Promise<LayerVersion | null>;
  /** False when this version exists already. */
  readonly append: (layerKey: string, version: LayerVersion) => Promise<boolean>;
  /** Makes this the pushed version, unless a later one is. */
  readonly push: (layerKey: string, version: LayerVersion) => Promise<void>;
  readonly layerKeys: () => Promise<readonly string[]>;
  /** Called with the key of a layer that somebody has appended to. */
  readonly onAppend: (listener: (layerKey: string) => void) => void;
  readonly close: () => void;
};

export async function openConfigurationStore(nats: Nats): Promise<ConfigurationStore> {
  const [pushed, history] = await Promise.all([
    openCompareAndSet<PushedLayer>(nats, CONFIGURATION_BUCKET.bucket),
    openCompareAndSet<LayerVersion>(nats, HISTORY_BUCKET),
  ]);
  const version = async (layerKey: string, number: number) =>
    (await history.get(historyKey(layerKey, number)))?.value ?? null;
  return {
    current: async (layerKey) => (await pushed.get(layerKey))?.value ?? null,
    version,
    async highest(layerKey) {
      const numbers = (await history.keys(`${layerKey}.v.*`)).map((key) => Number(HISTORY_KEY.exec(key)?.[2]));
      return numbers.length === 0 ? null : version(layerKey, Math.max(...numbers));
    },
    append: (layerKey, entry) => history.create(historyKey(layerKey, entry.version), entry),
    async push(layerKey, { version: number, layer, plan, planSequence }) {
      const value = { version: number, layer, plan, ...(planSequence === undefined ? {} : { planSequence }) };
      for (;;) {
        const current = await pushed.get(layerKey);
        if (current !== null && current.value.version >= number) return;
        const isDone =
          current === null
            ? await pushed.create(layerKey, value)
            : await pushed.update(layerKey, value, current.revision);
        if (isDone) return;
      }
    },
    async layerKeys() {
      const [now, first] = await Promise.all([pushed.keys('>'), history.keys('>')]);
      return [...new Set([...now, ...first.map((key) => HISTORY_KEY.exec(key)?.[1] ?? key)])];
    },
    onAppend: (listener) => history.onWrite((key) => listener(HISTORY_KEY.exec(key)?.[1] ?? key)),
    close: () => {
      pushed.close();
      history.close();
    },
  };
}
