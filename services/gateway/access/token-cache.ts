import type { TenantId } from '@tenantry/kernel/id.ts';
import { BoundedCache } from '../bounded-cache.ts';
import type { Verified } from './verified.ts';

const MAX_TOKENS = 14_000;
const MAX_OVERFLOW = 6_000;
/** Of each generation, where there are other tenants too. */
const MAX_SHARE = 1 / 4;

/**
 * Tokens that were verified, by the whole header that brought them: one that differs in a bit is another key. A tenant
 * that brings more new tokens than its share has the rest of them in a cache for such tenants, so that nobody can push
 * the others' tokens out and have each of their requests cost a signature.
 */
export class TokenCache {
  readonly #maxPerTenant: number;
  readonly #main: BoundedCache<string, Verified>;
  readonly #overflow: BoundedCache<string, Verified>;
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
    return this.#main.get(token) ?? this.#overflow.get(token);
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
      this.#overflow.set(token, verified);
      return;
    }
    this.#broughtByTenant.set(tenantId, brought + 1);
    this.#main.set(token, verified);
  }

  delete(token: string): void {
    this.#main.delete(token);
    this.#overflow.delete(token);
  }
}
