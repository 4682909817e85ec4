import type { KeyObject } from 'node:crypto';
import { isId, type TenantId } from '@tenantry/kernel/id.ts';
import { decodeJws, type SigningKey, signJws, verifyJws } from './jws.ts';
import type { Grant } from './permissions.ts';
import type { Principal } from './principal.ts';

/**
 * A passport says who a request inside the house is for. It is signed by the process that made it, whose public key
 * stands in the registry, and lives for 30 seconds at most. Only a gateway may speak for users; any service may speak
 * for itself. Nothing is trusted because of a bare header.
 */
export const PASSPORT_HEADER = 'tenantry-passport';
const TYP = 'passport+jwt';
export const PASSPORT_LIFE_SECONDS = 30;

/** The process that signed: which service it belongs to, and its key. */
export type Issuer = { readonly service: string; readonly key: KeyObject };

export function issuePassport(
  key: SigningKey,
  principal: Principal,
  nowSeconds: number,
  expiresAtSeconds = nowSeconds + PASSPORT_LIFE_SECONDS,
): string {
  return signJws(key, TYP, {
    tid: principal.tenantId,
    kind: principal.kind,
    sub: principal.id,
    grants: principal.grants,
    roles: principal.roles,
    sid: principal.sessionId,
    obo: principal.onBehalfOf,
    iat: nowSeconds,
    exp: Math.min(expiresAtSeconds, nowSeconds + PASSPORT_LIFE_SECONDS),
  });
}

export const passportIssuerId = (token: string): string | null => decodeJws(token, TYP)?.header.kid ?? null;

export type VerifiedPassport = { readonly principal: Principal; readonly expiresAtSeconds: number };

const isStrings = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');
const isTextOrNull = (value: unknown): value is string | null => value === null || typeof value === 'string';

/** Null for anything that does not hold: wrong form, wrong signature, too old, or an issuer who may not say this. */
export function verifyPassport(token: string, issuer: Issuer, nowSeconds: number): VerifiedPassport | null {
  const decoded = decodeJws(token, TYP);
  if (decoded === null || !verifyJws(decoded, issuer.key)) return null;
  const { tid, kind, sub, grants, roles, sid, obo, iat, exp } = decoded.payload;
  if (typeof iat !== 'number' || typeof exp !== 'number') return null;
  if (exp <= nowSeconds || exp - iat > PASSPORT_LIFE_SECONDS || iat > nowSeconds + 5) return null;
  if (typeof tid !== 'string' || !isId('ten', tid) || typeof sub !== 'string') return null;
  if (!isStrings(grants) || !isStrings(roles) || !isTextOrNull(sid) || !isTextOrNull(obo)) return null;
  const mayIssue = kind === 'user' ? issuer.service === 'gateway' : kind === 'service' && issuer.service === sub;
  if (!mayIssue) return null;
  const principal: Principal = {
    kind: kind as Principal['kind'],
    tenantId: tid satisfies TenantId,
    id: sub,
    grants: grants as Grant[],
    roles,
    sessionId: sid,
    onBehalfOf: obo,
  };
  return { principal, expiresAtSeconds: exp };
}
