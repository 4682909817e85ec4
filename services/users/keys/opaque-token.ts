import { createHash, randomBytes } from 'node:crypto';
import { isId, type TenantId } from '@tenantry/kernel/id.ts';

/**
 * Secrets that we hand out and recognise again: `<prefix>_<tenant>_<random>`. They name their tenant, so that a public
 * endpoint knows where to look, and carry 160 random bits. Only their hash is stored; it needs no salt, because nobody
 * can guess 160 bits.
 */
export type TokenPrefix = 'rt' | 'vt';

const RANDOM_BYTES = 20;

export function parseOpaqueToken(prefix: TokenPrefix, token: string): TenantId | null {
  const match = /^([a-z]{2})_([0-9a-z]{26})_([A-Za-z0-9_-]{27})$/.exec(token);
  if (match === null || match[1] !== prefix) return null;
  const tenantId = `ten_${match[2]}`;
  return isId('ten', tenantId) ? tenantId : null;
}

export const hashOpaqueToken = (token: string): string => createHash('sha256').update(token).digest('base64url');

export const mintOpaqueToken = (prefix: TokenPrefix, tenantId: TenantId): string =>
  `${prefix}_${tenantId.slice('ten_'.length)}_${randomBytes(RANDOM_BYTES).toString('base64url')}`;
