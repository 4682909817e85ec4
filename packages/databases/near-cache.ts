import { Problem } from '@tenantry/kernel/problem.ts';

export type NearCacheOptions = {
  /** How long an entry is fresh at most; a fifth of it by chance is taken off, so that they do not all end together. */
  readonly ttlMs: number;
  /** How old an entry may be when its source is unavailable. */
  readonly staleMs: number;
  readonly maxEntries: number;
  /** Never goes back. */
  readonly nowMs?: () => number;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
};

/**
 * What is read far more often than it changes, kept in this process. Keys begin with the tenant. Nobody tells it of
 * changes: it is for what may be `ttlMs` old, which what money or a quota depends on may not.
 */
export type NearCache<Value> = {
  /** Of many who ask for what is not there, one loads and all get its result. A failure is not kept. */
  readonly get: (key: string, load: () => Promise<Value>) => Promise<Value>;
  readonly size: () => number;
};

type Entry<Value> = { readonly value: Value; readonly askedMs: number; freshUntilMs: number };

const JITTER = 0.2;
/** A source that is away is asked this often, not by every caller: each would wait until it gives up. */
const ASK_AGAIN_MS = 1_000;

export function createNearCache<Value>(options: NearCacheOptions): NearCache<Value> {
  const { ttlMs, staleMs, maxEntries, nowMs = () => performance.now(), random = Math.random } = options;
  /** The least recently asked for come first. */
  const entries = new Map<string, Entry<Value>>();
  const loading = new Map<string, Promise<Value>>();

  const keep = (key: string, entry: Entry<Value>): void => {
    entries.delete(key);
    entries.set(key, entry);
    if (entries.size <= maxEntries) return;
    for (const oldest of entries.keys()) {
      entries.delete(oldest);
      return;
    }
  };

  const ask = async (key: string, load: () => Promise<Value>): Promise<Value> => {
    const askedMs = nowMs();
    try {
      const value = await load();
      // As old as the question, not the answer.
      keep(key, { value, askedMs, freshUntilMs: askedMs + ttlMs * (1 - JITTER * random()) });
      return value;
    } catch (error) {
      const known = entries.get(key);
      if (known === undefined || !isUnavailable(error) || nowMs() - known.askedMs > staleMs) throw error;
      known.freshUntilMs = Math.min(nowMs() + ASK_AGAIN_MS, known.askedMs + staleMs);
      return known.value;
    }
  };

  return {
    get(key, load) {
      const known = entries.get(key);
      if (known !== undefined && nowMs() < known.freshUntilMs) {
        keep(key, known);
        return Promise.resolve(known.value);
      }
      const underWay = loading.get(key);
      if (underWay !== undefined) return underWay;
      const asking = ask(key, load).finally(() => loading.delete(key));
      loading.set(key, asking);
      return asking;
    },
    size: () => entries.size,
  };
}

const isUnavailable = (error: unknown): boolean => error instanceof Problem && error.kind.category === 'unavailable';
