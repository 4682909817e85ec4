import { type SigningKey, signingKeyFromSeed } from '@tenantry/auth/jws.ts';
import { deriveKey } from '@tenantry/databases/credentials.ts';

/**
 * The key with which an instance signs its passports. It comes from the master key and the instance's id, so whoever is
 * part of the house can check a passport of an instance that the registry has not told of yet: a gateway that starts while
 * the hub is away works at once. Trust is what it was: to register a key one needs a token from the same master key.
 */
export const instanceKey = (masterKey: string, instanceId: string): SigningKey =>
  signingKeyFromSeed(instanceId, deriveKey(masterKey, `instance-key:${instanceId}`));
