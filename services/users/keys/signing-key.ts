import { createHash } from 'node:crypto';
import type { PublishedKey } from '@tenantry/auth/buckets.ts';
import { type SigningKey, signingKeyFromSeed, toPublicJwk } from '@tenantry/auth/jws.ts';
import { deriveKeys } from '@tenantry/databases/credentials.ts';

/** The first signs; all of them have signed tokens that may still be good. */
export type AccessTokenKeys = readonly [SigningKey, ...SigningKey[]];

/**
 * The keys of access tokens, derived from the master key: every instance has the same without telling each other, and none
 * need be kept anywhere. A key is named after its public half (RFC 7638), so that each master key has its own.
 */
export function accessTokenKeys(masterKey: string): AccessTokenKeys {
  const [current, ...previous] = deriveKeys(masterKey, 'access-token-key:1');
  return [toKey(current), ...previous.map(toKey)];
}

function toKey(seed: Buffer): SigningKey {
  const { crv, kty, x, y } = toPublicJwk(signingKeyFromSeed('', seed).publicKey);
  const thumbprint = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
  return signingKeyFromSeed(`at-${thumbprint}`, seed);
}

export const toPublishedKey = (key: SigningKey): PublishedKey => ({ ...toPublicJwk(key.publicKey), kid: key.kid });
