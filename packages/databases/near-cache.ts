import { currentTraceparent, runInBackground } from '@tenantry/kernel/call-context.ts';
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
 * What is read far more often than it changes, kept in this process. Keys begin with the tenant. Whoever hears of a change
 * drops what it made untrue; should nobody hear of it, it is `ttlMs` old at most. So it is not for what money or a quota
 * depends on.
 */
export type NearCache<Value> = {
  /** Of many who ask for what is not there, one loads and all get its result. A failure is not kept. */
  readonly get: (key: string, load: () => Promise<Value>) => Promise<Value>;
  /** Whoever asks from now on gets what is loaded from now on: an answer that is under way is not kept. */
  readonly invalidate: (key: string) => void;
  /** The same for every key: it is not known what has changed. */
  readonly clear: () => void;
  readonly size: () => number;
};

type Load<Value> = { answer: Promise<Value> };
type Entry<Value> = { readonly value: Value; readonly askedMs: number; freshUntilMs: number };

const JITTER = 0.2;
/** A source that is away is asked this often, not by every caller: each would wait until it gives up. */
const ASK_AGAIN_MS = 1_000;

export function createNearCache<Value>(options: NearCacheOptions): NearCache<Value> {
  const { ttlMs, staleMs, maxEntries, nowMs = () => performance.now(), random = Math.random } = options;
  /** The least recently asked for come first. */
  const entries = new Map<string, Entry<Value>>();
  /** A load that is no longer the one in here was overtaken by an invalidation. */
  const loading = new Map<string, Load<Value>>();

  const keep = (key: string, entry: Entry<Value>): void => {
    entries.delete(key);
    entries.set(key, entry);
    if (entries.size <= maxEntries) return;
    for (const oldest of entries.keys()) {
      entries.delete(oldest);
      return;
    }
  };

  const ask = async (key: string, load: () => Promise<Value>, own: Load<Value>): Promise<Value> => {
    const askedMs = nowMs();
    try {
      // Many wait for it: none of them can hurry it with a deadline of its own.
      const value = await runInBackground(currentTraceparent(), load);
      // As old as the question, not the answer; and if something has changed since, perhaps older than that.
      if (loading.get(key) === own)
        keep(key, { value, askedMs, freshUntilMs: askedMs + ttlMs * (1 - JITTER * random()) });
      return value;
    } catch (error) {
      if (loading.get(key) !== own) throw error;
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
      if (underWay !== undefined) return underWay.answer;
      const { promise, resolve } = Promise.withResolvers<Value>();
      const own: Load<Value> = { answer: promise };
      loading.set(key, own);
      resolve(
        ask(key, load, own).finally(() => {
          if (loading.get(key) === own) loading.delete(key);
        }),
      );
      return promise;
    },
    invalidate(key) {
      entries.delete(key);
      loading.delete(key);
    },
    clear() {
      entries.clear();
      loading.clear();
    },
    size: () => entries.size,
  };
}

const isUnavailable = (error: unknown): boolean => error instanceof Problem && error.kind.category === 'unavailable';
