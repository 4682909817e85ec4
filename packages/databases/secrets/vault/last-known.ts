import { isAway } from './refusal.ts';

/** What was read from a Vault, in this process's memory. */
export type LastKnown<Value> = {
  readonly get: (key: string, load: () => Promise<Value | null>) => Promise<Value | null>;
  /** What was read, or is being read, before this counts no more. */
  readonly forget: (key: string) => void;
  readonly size: () => number;
};

type Entry<Value> = { readonly value: Value; readonly askedMs: number };

/**
 * Fresh for `freshMs`, and up to `staleMs` while the source is away. Both count from the question. Of many who ask at once
 * one loads. What is not there is not kept: it may be written by another process at any moment.
 */
export function createLastKnown<Value>(options: {
  readonly freshMs: number;
  readonly staleMs: number;
  readonly maxEntries: number;
  readonly nowMs?: () => number;
}): LastKnown<Value> {
  const { freshMs, staleMs, maxEntries, nowMs = () => performance.now() } = options;
  /** The least recently loaded come first. */
  const entries = new Map<string, Entry<Value>>();
  const loading = new Map<string, Promise<Value | null>>();

  const keep = (key: string, entry: Entry<Value>): void => {
    entries.delete(key);
    entries.set(key, entry);
    const [oldest] = entries.keys();
    if (entries.size > maxEntries && oldest !== undefined) entries.delete(oldest);
  };

  const ask = async (
    key: string,
    load: () => Promise<Value | null>,
    isCurrent: () => boolean,
  ): Promise<Value | null> => {
    const askedMs = nowMs();
    try {
      const value = await load();
      if (isCurrent()) {
        if (value === null) entries.delete(key);
        else keep(key, { value, askedMs });
      }
      return value;
    } catch (error) {
      const known = entries.get(key);
      if (known === undefined || !isAway(error) || nowMs() - known.askedMs > staleMs) throw error;
      return known.value;
    }
  };

  return {
    get(key, load) {
      const known = entries.get(key);
      if (known !== undefined && nowMs() - known.askedMs < freshMs) return Promise.resolve(known.value);
      const underWay = loading.get(key);
      if (underWay !== undefined) return underWay;
      const isCurrent = (): boolean => loading.get(key) === asking;
      const asking: Promise<Value | null> = ask(key, load, () => isCurrent()).finally(() => {
        if (isCurrent()) loading.delete(key);
      });
      loading.set(key, asking);
      return asking;
    },
    forget(key) {
      entries.delete(key);
      loading.delete(key);
    },
    size: () => entries.size,
  };
}
