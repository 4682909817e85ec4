import type { PublishedKey } from '@tenantry/auth/buckets.ts';
import { type SigningKey, signingKeyFromSeed, toPublicJwk } from '@tenantry/auth/jws.ts';
import { deriveKey } from '@tenantry/databases/credentials.ts';

/**
 * The key of access tokens, derived from the master key: every instance has the same one without telling each other,
 * and it need not be kept anywhere. A new generation gives a new key under a new `kid`.
 */
export const accessTokenKey = (masterKey: string, generation = 1): SigningKey =>
  signingKeyFromSeed(`at-${generation}`, deriveKey(masterKey, `access-token-key:${generation}`));

export const toPublishedKey = (key: SigningKey): PublishedKey => ({ ...toPublicJwk(key.publicKey), kid: key.kid });
