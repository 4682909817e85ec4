import { createHash, timingSafeEqual } from 'node:crypto';
import { servicePrincipal } from '@tenantry/auth/principal.ts';
import { PLATFORM_TENANT_ID } from '@tenantry/kernel/id.ts';
import { unauthenticated } from '@tenantry/kernel/problems.ts';
import type { Authenticate } from '@tenantry/kit/http/passport-check.ts';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Whoever has the master key, and so may be any process of the house. */
export const CLUSTER = servicePrincipal('cluster', PLATFORM_TENANT_ID);

/**
 * Whoever shows the token that comes from the master key is part of the house. Passports would not do here: their keys
 * are what is registered. Digests are compared, so that neither content nor length shows in the time it takes.
 */
export function authenticateByClusterToken(clusterToken: string): Authenticate {
  const expected = digest(`Bearer ${clusterToken}`);
  return async (headers) => {
    if (!timingSafeEqual(digest(headers.authorization ?? ''), expected))
      throw unauthenticated('The registry is for processes of the house. Show its cluster token.');
    return CLUSTER;
  };
}
