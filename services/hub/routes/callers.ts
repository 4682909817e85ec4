import { PASSPORT_HEADER } from '@tenantry/auth/passport.ts';
import type { Principal } from '@tenantry/auth/principal.ts';
import { type Authenticate, authenticateByPassport } from '@tenantry/kit/http/passport-check.ts';
import type { Discovery } from '@tenantry/mesh/discovery.ts';
import { authenticateByClusterToken, CLUSTER } from './cluster-token.ts';

/** Whoever has the master key may do what an operator may: it opens everything else as well. */
const MASTER: Principal = {
  ...CLUSTER,
  kind: 'user',
  grants: ['*:*@platform'],
};

/**
 * Two ways in: a passport, of the gateway for people or of a service for itself; or the cluster token, which is how the
 * registry is kept, since the keys of the passports are what is registered there.
 */
export function authenticateCallers(clusterToken: string, discovery: Pick<Discovery, 'issuerOf'>): Authenticate {
  const byPassport = authenticateByPassport(discovery);
  const byClusterToken = authenticateByClusterToken(clusterToken);
  return async (headers, endpoint, peer) => {
    if (headers[PASSPORT_HEADER] !== undefined) return byPassport(headers, endpoint, peer);
    const cluster = await byClusterToken(headers);
    return endpoint?.access === 'principal' ? MASTER : cluster;
  };
}
