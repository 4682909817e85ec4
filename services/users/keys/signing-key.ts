import { createPrivateKey, createPublicKey } from 'node:crypto';
import type { PublishedKey } from '@tenantry/auth/buckets.ts';
import { type SigningKey, toPublicJwk } from '@tenantry/auth/jws.ts';
import { deriveKey } from '@tenantry/databases/credentials.ts';

/** An Ed25519 private key in PKCS #8 is this prefix and 32 bytes of seed (RFC 8410 §7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/**
 * The key of access tokens, derived from the master key: every instance has the same one without telling each other,
 * and it need not be kept anywhere. A new generation gives a new key under a new `kid`.
 */
export function accessTokenKey(masterKey: string, generation = 1): SigningKey {
  const seed = deriveKey(masterKey, `access-token-key:${generation}`);
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
  return { kid: `at-${generation}`, privateKey, publicKey: createPublicKey(privateKey) };
}

export const toPublishedKey = (key: SigningKey): PublishedKey => ({ ...toPublicJwk(key.publicKey), kid: key.kid });
