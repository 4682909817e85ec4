import type { SigningKey } from '@tenantry/auth/jws.ts';
import { issuePassport, PASSPORT_LIFE_SECONDS } from '@tenantry/auth/passport.ts';
import { servicePrincipal } from '@tenantry/auth/principal.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';

const MAX_CACHED = 10_000;
/** Enough life left for the longest deadline of a call. */
const MIN_LIFE_SECONDS = 12;

/** A service's own passports, one per tenant and user it acts for, signed again shortly before they end. */
export function createServicePassports(service: string, key: SigningKey) {
  const cache = new Map<string, { token: string; expiresAtSeconds: number }>();
  return (tenantId: TenantId, onBehalfOf: string | null): string => {
    const nowSeconds = Math.floor(Date.now() / 1_000);
    const cacheKey = `${tenantId} ${onBehalfOf ?? ''}`;
    const cached = cache.get(cacheKey);
    if (cached !== undefined && cached.expiresAtSeconds - nowSeconds >= MIN_LIFE_SECONDS) return cached.token;
    if (cache.size >= MAX_CACHED) cache.clear();
    const expiresAtSeconds = nowSeconds + PASSPORT_LIFE_SECONDS;
    const token = issuePassport(key, servicePrincipal(service, tenantId, onBehalfOf), nowSeconds, expiresAtSeconds);
    cache.set(cacheKey, { token, expiresAtSeconds });
    return token;
  };
}
