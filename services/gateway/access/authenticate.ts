import { type AccessTokenClaims, keyIdOf, verifyAccessToken } from '@tenantry/auth/access-token.ts';
import { grantsOf } from '@tenantry/auth/permissions.ts';
import { PLATFORM_TENANT_ID, type SessionId } from '@tenantry/kernel/id.ts';
import { tokenExpired, unauthenticated } from '@tenantry/kernel/problems.ts';
import { BoundedCache } from '../bounded-cache.ts';
import type { Exchange } from '../edge/exchange.ts';
import type { TokenKeys } from './token-keys.ts';
import type { Verified } from './verified.ts';

const MAX_CACHED_TOKENS = 20_000;
/** RFC 9110 §11.1: the name of the scheme is case-insensitive. RFC 6750 §2.1: the token's alphabet. */
const BEARER = /^Bearer +([A-Za-z0-9\-._~+/]+=*)$/i;

export type AuthenticateOptions = {
  readonly issuer: string;
  readonly keys: TokenKeys;
  readonly isRevoked: (sessionId: SessionId) => boolean;
  readonly nowMs?: () => number;
};

/**
 * Who is calling. A token's signature is checked once; after that a lookup by the whole header answers, so a hit costs no
 * cryptography and a token that differs in one bit is another key. Expiry and revocation are looked at every time.
 */
export function createAuthenticate({ issuer, keys, isRevoked, nowMs = Date.now }: AuthenticateOptions) {
  const cache = new BoundedCache<string, Verified>(MAX_CACHED_TOKENS);

  const verify = (authorization: string, token: string): Verified => {
    const nowSeconds = Math.floor(nowMs() / 1_000);
    const verified = toVerified(verifyAccessToken(token, { issuer, nowSeconds, keyOf: keys.keyOf }));
    cache.set(authorization, verified);
    return verified;
  };

  const admit = (exchange: Exchange, authorization: string, verified: Verified): void => {
    if (verified.claims.expiresAtSeconds * 1_000 <= nowMs()) {
      cache.delete(authorization);
      throw tokenExpired('The access token has expired. Get a new one at POST /v1/auth/refresh.');
    }
    if (isRevoked(verified.claims.sessionId)) {
      cache.delete(authorization);
      throw unauthenticated('This session has ended. Sign in again at POST /v1/auth/login.');
    }
    exchange.verified = verified;
  };

  return (exchange: Exchange): void | Promise<void> => {
    const authorization = exchange.head?.authorization ?? null;
    if (authorization === null) throw unauthenticated('Send Authorization: Bearer <access token>.');
    // By the whole header: a hit costs one lookup, no second walk over the token.
    const cached = cache.get(authorization);
    if (cached !== undefined) return admit(exchange, authorization, cached);
    const token = BEARER.exec(authorization)?.[1];
    if (token === undefined) throw unauthenticated('Only Authorization: Bearer <access token> is understood.');
    const kid = keyIdOf(token);
    if (kid === null || keys.keyOf(kid) !== undefined)
      return admit(exchange, authorization, verify(authorization, token));
    // Signed by a key that was published a moment ago, or made up.
    return keys.fetch(kid).then(() => admit(exchange, authorization, verify(authorization, token)));
  };
}

const toVerified = (claims: AccessTokenClaims): Verified => ({
  claims,
  principal: {
    kind: 'user',
    tenantId: claims.tenantId,
    id: claims.userId,
    grants: grantsOf(claims.roles, claims.tenantId === PLATFORM_TENANT_ID),
    roles: claims.roles,
    sessionId: claims.sessionId,
    onBehalfOf: null,
  },
  allowed: new Map(),
  passport: null,
});
