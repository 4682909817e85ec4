import { hkdfSync } from 'node:crypto';

/** The master key; while it is being changed the one before it too, after a comma. */
export const MASTER_KEY = '^[0-9a-f]{64}(,[0-9a-f]{64})?$';

/** 32 bytes from the master key for one purpose (HKDF-SHA-256, RFC 5869): knowing one tells nothing of another. */
export const deriveKey = (masterKey: string, purpose: string): Buffer => deriveKeys(masterKey, purpose)[0];

/**
 * The same of every master key that counts, the current one first. Who opens what lies somewhere, or compares with it, tries
 * them all; who seals, signs or shows who he is takes the first.
 */
export function deriveKeys(masterKey: string, purpose: string): readonly [Buffer, ...Buffer[]] {
  if (!new RegExp(MASTER_KEY).test(masterKey)) throw new RangeError('The master key must be 64 hexadecimal digits.');
  const of = (key: string): Buffer => Buffer.from(hkdfSync('sha256', Buffer.from(key, 'hex'), 'tenantry', purpose, 32));
  const [current = '', ...previous] = masterKey.split(',');
  return [of(current), ...previous.map(of)];
}

export const isMasterKeyChanging = (masterKey: string): boolean => masterKey.includes(',');

export const derivePassword = (masterKeyHex: string, role: string): string =>
  deriveKey(masterKeyHex, `postgres:${role}`).toString('base64url');

/** What a process shows to the hub when it registers: only who has the master key is part of the house. */
export const deriveClusterToken = (masterKeyHex: string): string =>
  deriveKey(masterKeyHex, 'cluster-token').toString('base64url');

/** What the embedded NATS asks of everybody who connects: what is read from it is believed. */
export const deriveNatsToken = (masterKeyHex: string): string => deriveKey(masterKeyHex, 'nats').toString('base64url');

export const deriveRedisPassword = (masterKeyHex: string): string =>
  deriveKey(masterKeyHex, 'redis').toString('base64url');

export const appRole = (service: string): string => `${service}_app`;
export const workerRole = (service: string): string => `${service}_worker`;
export const ownerRole = (service: string): string => `${service}_owner`;
