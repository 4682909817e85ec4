import { type AccessTokenClaims, keyIdOf, verifyAccessToken } from '@tenantry/auth/access-token.ts';
import { PLATFORM_TENANT_ID, type SessionId } from '@tenantry/kernel/id.ts';
import { Problem } from '@tenantry/kernel/problem.ts';
import { tokenExpired, unauthenticated, upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import type { Exchange } from '../edge/exchange.ts';
import type { FailureLimiter } from '../limits/failure-limiter.ts';
import { FeedQuestion } from './feed-question.ts';
import { isSensitive } from './is-sensitive.ts';
import { type PermissionSet, PermissionSets } from './permission-sets.ts';
import { SessionRechecks, type SessionStanding } from './session-rechecks.ts';
import { TokenCache } from './token-cache.ts';
import type { TokenKeys } from './token-keys.ts';
import type { Verified } from './verified.ts';

/** RFC 9110 §11.1: the name of the scheme is case-insensitive. RFC 6750 §2.1: the token's alphabet. */
const BEARER = /^Bearer +([A-Za-z0-9\-._~+/]+=*)$/i;
/** A feed that has said nothing for longer may have missed a revocation. */
const MAX_SILENCE_MS = 1_000;

export type AuthenticateOptions = {
  readonly issuer: string;
  readonly keys: Pick<TokenKeys, 'keyOf' | 'fetch'>;
  readonly isRevoked: (sessionId: SessionId) => boolean;
  /** For how long the feed of revocations has not been known to be complete. */
  readonly feedSilentForMs: () => number;
  /** Asks the feed itself whether it is complete; false where it does not answer soon. */
  readonly confirmFeed: () => Promise<boolean>;
  /** Asks users itself. */
  readonly recheck: (claims: AccessTokenClaims) => Promise<'valid' | 'revoked'>;
  readonly failures: Pick<FailureLimiter, 'check' | 'count'>;
  readonly nowMs?: () => number;
  readonly monotonicMs?: () => number;
};

const ended = () => unauthenticated('This session has ended. Sign in again at POST /v1/auth/login.');

/**
 * Who is calling. A token's signature is checked once; after that a lookup by the whole header answers, so a hit costs no
 * cryptography and no second walk over the token. Expiry, revocation and the standing of the key are looked at every
 * time. Whatever fails is counted against the client's address.
 */
export function createAuthenticate(options: AuthenticateOptions) {
  const { issuer, keys, isRevoked, feedSilentForMs, failures, nowMs = Date.now } = options;
  const cache = new TokenCache();
  const permissionSets = new PermissionSets();
  const monotonicMs = options.monotonicMs ?? (() => performance.now());
  const feedQuestion = new FeedQuestion(options.confirmFeed, monotonicMs);
  const rechecks = new SessionRechecks(options.recheck, monotonicMs);

  const refuse = (exchange: Exchange, error: unknown): never => {
    if (error instanceof Problem && error.kind.category === 'unauthenticated') failures.count(exchange.clientAddress);
    throw error;
  };

  const judge = (exchange: Exchange, authorization: string, verified: Verified, standing: SessionStanding): void => {
    if (standing === 'revoked') {
      cache.delete(authorization);
      refuse(exchange, ended());
    }
    if (standing === 'unknown' && exchange.route !== null && isSensitive(exchange.route.endpoint))
      throw upstreamUnavailable('Whether your session still stands cannot be checked right now. Try again shortly.', {
        retryAfterSeconds: 1,
      });
    exchange.verified = verified;
  };

  const askUsers = (exchange: Exchange, authorization: string, verified: Verified): void | Promise<void> => {
    const standing = rechecks.of(verified.claims);
    if (standing instanceof Promise) return standing.then((late) => judge(exchange, authorization, verified, late));
    judge(exchange, authorization, verified, standing);
  };

  const admit = (exchange: Exchange, authorization: string, verified: Verified): void | Promise<void> => {
    if (verified.claims.expiresAtSeconds * 1_000 <= nowMs()) {
      cache.delete(authorization);
      refuse(exchange, tokenExpired('The access token has expired. Get a new one at POST /v1/auth/refresh.'));
    }
    if (isRevoked(verified.claims.sessionId)) {
      cache.delete(authorization);
      refuse(exchange, ended());
    }
    if (feedSilentForMs() <= MAX_SILENCE_MS) {
      exchange.verified = verified;
      return;
    }
    const asked = feedQuestion.ask();
    if (asked === null) return askUsers(exchange, authorization, verified);
    return asked.then((isComplete) => {
      if (!isComplete) return askUsers(exchange, authorization, verified);
      judge(exchange, authorization, verified, isRevoked(verified.claims.sessionId) ? 'revoked' : 'valid');
    });
  };

  const verify = (exchange: Exchange, authorization: string, token: string, kid: string): void | Promise<void> => {
    let verified: Verified;
    try {
      const nowSeconds = Math.floor(nowMs() / 1_000);
      const claims = verifyAccessToken(token, { issuer, nowSeconds, keyOf: keys.keyOf });
      verified = toVerified(claims, kid, permissionSets.of(claims.roles, claims.tenantId === PLATFORM_TENANT_ID));
    } catch (error) {
      return refuse(exchange, error);
    }
    // A token of a session that has ended is genuine, but not worth a place.
    if (!isRevoked(verified.claims.sessionId)) cache.set(authorization, verified);
    return admit(exchange, authorization, verified);
  };

  return (exchange: Exchange): void | Promise<void> => {
    const authorization = exchange.head?.authorization ?? null;
    const cached = authorization === null ? undefined : cache.get(authorization);
    if (authorization !== null && cached !== undefined) {
      if (keys.keyOf(cached.kid) !== undefined) return admit(exchange, authorization, cached);
      cache.delete(authorization); // its key was withdrawn
    }
    failures.check(exchange.clientAddress);
    if (authorization === null) return refuse(exchange, unauthenticated('Send Authorization: Bearer <access token>.'));
    const token = BEARER.exec(authorization)?.[1];
    if (token === undefined)
      return refuse(exchange, unauthenticated('Only Authorization: Bearer <access token> is understood.'));
    const kid = keyIdOf(token);
    if (kid === null || keys.keyOf(kid) !== undefined) return verify(exchange, authorization, token, kid ?? '');
    // Signed by a key that was published a moment ago, or made up.
    return keys.fetch(kid).then(() => verify(exchange, authorization, token, kid));
  };
}

const toVerified = (claims: AccessTokenClaims, kid: string, { roles, grants, allowed }: PermissionSet): Verified => ({
  claims,
  kid,
  principal: {
    kind: 'user',
    tenantId: claims.tenantId,
    id: claims.userId,
    grants,
    roles,
    sessionId: claims.sessionId,
    onBehalfOf: null,
  },
  rateKeys: { tenantKey: `${claims.tenantId}:rate`, principalKey: `${claims.tenantId}:rate:${claims.userId}` },
  allowed,
  passport: null,
});
