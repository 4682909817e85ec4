import type { IncomingHttpHeaders } from 'node:http';
import { PASSPORT_HEADER, passportIssuerId, type VerifiedPassport, verifyPassport } from '@tenantry/auth/passport.ts';
import type { Principal } from '@tenantry/auth/principal.ts';
import type { Endpoint } from '@tenantry/contract/endpoint.ts';
import { unauthenticated } from '@tenantry/kernel/problems.ts';
import type { Discovery } from '@tenantry/mesh/discovery.ts';
import type { MeshPeer } from '@tenantry/mesh/identity.ts';

/** The endpoint is for ports that let in more than one kind of caller; the peer is whose certificate the connection has shown. */
export type Authenticate = (
  headers: IncomingHttpHeaders,
  endpoint?: Endpoint,
  peer?: MeshPeer | null,
) => Promise<Principal>;

const MAX_CACHED = 10_000;

/** Who a request is for, by its passport. Checked once per passport: the cache is keyed by its bytes. */
export function authenticateByPassport(discovery: Pick<Discovery, 'issuerOf'>): Authenticate {
  const cache = new Map<string, VerifiedPassport>();
  return async (headers, _endpoint, peer = null) => {
    const principal = await check(headers);
    if (peer !== null && peer.service !== signerOf(principal))
      throw unauthenticated('The passport of this request is not of whoever this connection belongs to.');
    return principal;
  };

  async function check(headers: IncomingHttpHeaders): Promise<Principal> {
    const token = headers[PASSPORT_HEADER];
    if (typeof token !== 'string') throw unauthenticated('This port is for the inside of the house. Call the gateway.');
    const nowSeconds = Math.floor(Date.now() / 1_000);
    const cached = cache.get(token);
    if (cached !== undefined) {
      if (cached.expiresAtSeconds > nowSeconds) return cached.principal;
      cache.delete(token);
    }
    const issuerId = passportIssuerId(token);
    const issuer = issuerId === null ? null : await discovery.issuerOf(issuerId);
    const verified = issuer === null ? null : verifyPassport(token, issuer, nowSeconds);
    if (verified === null) throw unauthenticated('The passport of this request does not hold.');
    if (cache.size >= MAX_CACHED) cache.clear();
    cache.set(token, verified);
    return verified.principal;
  }
}

/** Only a gateway speaks for users, and a service for itself alone (`verifyPassport`): nobody hands on a passport of another. */
const signerOf = ({ kind, id }: Principal): string => (kind === 'user' ? 'gateway' : id);
