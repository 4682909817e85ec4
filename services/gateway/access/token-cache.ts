import type { TenantId } from '@tenantry/kernel/id.ts';
import { BoundedCache } from '../bounded-cache.ts';
import type { Verified } from './verified.ts';

const MAX_TOKENS = 14_000;
const MAX_OVERFLOW = 6_000;
/** Of each generation, where there are other tenants too. */
const MAX_SHARE = 1 / 4;

type Entry = { readonly token: string; readonly verified: Verified };

/** Of the signature, which is as good as random. */
const KEY_CHARACTERS = 12;

/**
 * Every request brings its token as a new string, whose hash V8 would have to take over half a kilobyte, and would keep. The
 * end of the signature finds it as well (FNV-1a, 32 bits); whether it is the same token the whole of it says, for a copied
 * signature proves nothing. Two tokens of 20,000 have the same key in one gateway of twenty: they push each other out, and
 * cost a verification each time.
 */
function keyOf(token: string): number {
  let key = 0x811c9dc5 | 0;
  for (let at = Math.max(0, token.length - KEY_CHARACTERS); at < token.length; at++)
    key = Math.imul(key ^ token.charCodeAt(at), 0x01000193);
  return key;
}

/**
 * Tokens that were verified, by the whole header that brought them: one that differs in a bit is another. A tenant
 * that brings more new tokens than its share has the rest of them in a cache for such tenants, so that nobody can push
 * the others' tokens out and have each of their requests cost a signature.
 */
export class TokenCache {
  readonly #maxPerTenant: number;
  readonly #main: BoundedCache<number, Entry>;
  readonly #overflow: BoundedCache<number, Entry>;
  #broughtByTenant = new Map<TenantId, number>();
  #turnovers = 0;

  constructor(maxTokens = MAX_TOKENS, maxOverflow = MAX_OVERFLOW) {
    this.#main = new BoundedCache(maxTokens);
    this.#overflow = new BoundedCache(maxOverflow);
    this.#maxPerTenant = Math.max(1, Math.floor(maxTokens * MAX_SHARE));
  }

  get size(): number {
    return this.#main.size + this.#overflow.size;
  }

  get(token: string): Verified | undefined {
    const key = keyOf(token);
    const entry = this.#main.get(key);
    if (entry?.token === token) return entry.verified;
    const further = this.#overflow.get(key);
    return further?.token === token ? further.verified : undefined;
  }

  set(token: string, verified: Verified): void {
    if (this.#main.turnovers !== this.#turnovers) {
      this.#turnovers = this.#main.turnovers;
      this.#broughtByTenant = new Map();
    }
    const { tenantId } = verified.claims;
    const brought = this.#broughtByTenant.get(tenantId) ?? 0;
    const isAlone = this.#broughtByTenant.size <= 1;
    if (brought >= this.#maxPerTenant && !isAlone) {
      this.#overflow.set(keyOf(token), { token, verified });
      return;
    }
    this.#broughtByTenant.set(tenantId, brought + 1);
    this.#main.set(keyOf(token), { token, verified });
  }

  delete(token: string): void {
    if (this.get(token) === undefined) return;
    const key = keyOf(token);
    this.#main.delete(key);
    this.#overflow.delete(key);
  }
}
