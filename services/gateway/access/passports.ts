import type { SigningKey } from '@tenantry/auth/jws.ts';
import { issuePassport, PASSPORT_LIFE_SECONDS } from '@tenantry/auth/passport.ts';
import type { Verified } from './verified.ts';

/** The passport of a verified token, signed once and used until it could end while a request is under way. */
export function createPassports(key: SigningKey, requestDeadlineMs: number) {
  const leastLifeSeconds = Math.min(Math.ceil(requestDeadlineMs / 1_000) + 2, PASSPORT_LIFE_SECONDS - 1);
  return (verified: Verified): string => {
    const nowSeconds = Math.floor(Date.now() / 1_000);
    const { passport } = verified;
    if (passport !== null && passport.expiresAtSeconds - nowSeconds >= leastLifeSeconds) return passport.token;
    const token = issuePassport(key, verified.principal, nowSeconds);
    verified.passport = { token, expiresAtSeconds: nowSeconds + PASSPORT_LIFE_SECONDS };
    return token;
  };
}
