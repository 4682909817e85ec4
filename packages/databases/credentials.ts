import { hkdfSync } from 'node:crypto';

/** 32 bytes from the master key for one purpose (HKDF-SHA-256, RFC 5869): knowing one tells nothing of another. */
export function deriveKey(masterKeyHex: string, purpose: string): Buffer {
  if (!/^[0-9a-f]{64}$/.test(masterKeyHex)) throw new RangeError('The master key must be 64 hexadecimal digits.');
  return Buffer.from(hkdfSync('sha256', Buffer.from(masterKeyHex, 'hex'), 'tenantry', purpose, 32));
}

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
