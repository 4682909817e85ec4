import type { KeyObject } from 'node:crypto';
import { isId, type SessionId, type TenantId, type UserId } from '@tenantry/kernel/id.ts';
import { tokenExpired, unauthenticated } from '@tenantry/kernel/problems.ts';
import { decodeJws, type SigningKey, signJws, verifyJws } from './jws.ts';

/** The `typ` of access tokens (RFC 9068 §2.1): no other token of ours can be used in their place. */
const TYP = 'at+jwt';
const AUDIENCE = 'tenantry';
/** Clocks of two machines of ours may differ by this much, no more. */
const LEEWAY_SECONDS = 5;
/** No token of ours is meant for longer, so one that claims to be is refused whoever signed it. */
const MAX_LIFE_SECONDS = 3_600;

export type AccessTokenClaims = {
  readonly tenantId: TenantId;
  readonly userId: UserId;
  readonly sessionId: SessionId;
  readonly roles: readonly string[];
  readonly issuedAtSeconds: number;
  readonly expiresAtSeconds: number;
};

export function issueAccessToken(key: SigningKey, issuer: string, claims: AccessTokenClaims): string {
  return signJws(key, TYP, {
    iss: issuer,
    aud: AUDIENCE,
    sub: claims.userId,
    tid: claims.tenantId,
    sid: claims.sessionId,
    roles: claims.roles,
    iat: claims.issuedAtSeconds,
    exp: claims.expiresAtSeconds,
  });
}

const invalid = () => unauthenticated('The access token is not valid. Sign in again at POST /v1/auth/login.');

/**
 * Checks an access token (RFC 8725: fixed algorithm, type, issuer, audience; `exp` and `iat` required).
 * @param keyOf finds the public key by `kid`; undefined for an unknown one.
 * @throws `unauthenticated`, or `token-expired` for a genuine token whose time is over.
 */
export function verifyAccessToken(
  token: string,
  options: {
    readonly issuer: string;
    readonly nowSeconds: number;
    readonly keyOf: (kid: string) => KeyObject | undefined;
  },
): AccessTokenClaims {
  const decoded = decodeJws(token, TYP);
  if (decoded === null) throw invalid();
  const key = options.keyOf(decoded.header.kid);
  if (key === undefined || !verifyJws(decoded, key)) throw invalid();
  const { iss, aud, sub, tid, sid, roles, iat, exp } = decoded.payload;
  if (iss !== options.issuer || aud !== AUDIENCE) throw invalid();
  if (typeof iat !== 'number' || typeof exp !== 'number' || iat > options.nowSeconds + LEEWAY_SECONDS) throw invalid();
  if (exp - iat > MAX_LIFE_SECONDS) throw invalid();
  if (typeof sub !== 'string' || typeof tid !== 'string' || typeof sid !== 'string') throw invalid();
  if (!isId('usr', sub) || !isId('ten', tid) || !isId('ses', sid)) throw invalid();
  if (!Array.isArray(roles) || !roles.every((role): role is string => typeof role === 'string')) throw invalid();
  if (exp <= options.nowSeconds)
    throw tokenExpired('The access token has expired. Get a new one at POST /v1/auth/refresh.');
  return { tenantId: tid, userId: sub, sessionId: sid, roles, issuedAtSeconds: iat, expiresAtSeconds: exp };
}

/** The `kid` of a token that has the right form, to know which key is missing; null otherwise. */
export const keyIdOf = (token: string): string | null => decodeJws(token, TYP)?.header.kid ?? null;
