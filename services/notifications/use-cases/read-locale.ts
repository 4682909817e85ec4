import { Problem } from '@tenantry/kernel/problem.ts';
import type { Mesh } from '@tenantry/mesh/client.ts';
import { readContact } from '@tenantry/users/contract/users.ts';
import type { Locale } from '../domain/locale.ts';
import type { ReadLocale } from './deps.ts';

/** Somebody who changes their language is written to in the new one after this long at the latest. */
const KEPT_MS = 30_000;
const MAX_KEPT = 10_000;
const TIMEOUT_MS = 2_000;

/** Asks users for a person's language, remembered briefly: several messages to one person come close together. */
export function createReadLocale(mesh: Mesh): ReadLocale {
  const kept = new Map<string, { readonly locale: Locale; readonly untilMs: number }>();
  return async (tenantId, userId) => {
    const key = `${tenantId}/${userId}`;
    const nowMs = performance.now();
    const known = kept.get(key);
    if (known !== undefined && known.untilMs > nowMs) return known.locale;
    try {
      const { locale } = await mesh.call(readContact, { params: { userId } }, { tenantId, timeoutMs: TIMEOUT_MS });
      if (kept.size >= MAX_KEPT) kept.clear();
      kept.set(key, { locale, untilMs: nowMs + KEPT_MS });
      return locale;
    } catch (error) {
      if (error instanceof Problem && error.kind.category === 'not-found') return null;
      throw error;
    }
  };
}
