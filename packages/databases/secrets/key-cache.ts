import type { KeyObject } from 'node:crypto';

export type KeyCache = {
  readonly get: (name: string, load: () => Promise<KeyObject | null>) => Promise<KeyObject | null>;
  /** Drops every key whose name begins like this, and those that are being loaded. */
  readonly forget: (prefix: string) => void;
  readonly size: () => number;
};

type Entry = { readonly key: Promise<KeyObject | null>; readonly expiresAtMs: number };

/**
 * Unwrapped keys for a short time. A key lives from the *beginning* of its loading, so whatever is changed in the database
 * counts here `ttlMs` later at the latest, however long an answer was under way. Whoever asks meanwhile shares one load.
 * Neither a failure nor the absence of a key is kept. Keys are KeyObjects: printing one shows nothing of it.
 */
export function createKeyCache(options: {
  readonly size: number;
  readonly ttlMs: number;
  readonly nowMs?: () => number;
}): KeyCache {
  const { size, ttlMs, nowMs = () => performance.now() } = options;
  // All live equally long, so the order of insertion is the order of expiry.
  const entries = new Map<string, Entry>();

  const makeRoom = (): void => {
    for (const [name, { expiresAtMs }] of entries) {
      if (entries.size < size && expiresAtMs > nowMs()) return;
      entries.delete(name);
    }
  };

  return {
    async get(name, load) {
      const known = entries.get(name);
      if (known !== undefined && known.expiresAtMs > nowMs()) return known.key;
      entries.delete(name);
      makeRoom();
      const entry: Entry = { expiresAtMs: nowMs() + ttlMs, key: load() };
      entries.set(name, entry);
      const drop = (): void => {
        if (entries.get(name) === entry) entries.delete(name);
      };
      try {
        const key = await entry.key;
        if (key === null) drop();
        return key;
      } catch (error) {
        drop();
        throw error;
      }
    },
    forget(prefix) {
      for (const name of entries.keys()) if (name.startsWith(prefix)) entries.delete(name);
    },
    size: () => entries.size,
  };
}
