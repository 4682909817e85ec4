import type { PublicJwk } from '@tenantry/auth/jws.ts';
import type { Discovery } from '@tenantry/mesh/discovery.ts';
import { readIdentityKeys } from '../contract/identity-keys.ts';
import type { Route } from '../edge/exchange.ts';
import { ownEndpoint } from '../own/own-endpoint.ts';

/** Outlives every identity that a gateway signed before it left. */
const KEPT_MS = 300_000;

/** The keys of all gateways, whichever of them is asked: each signs with its own, which stands in the registry. */
export function identityKeysRoute(
  discovery: Pick<Discovery, 'instancesOf'>,
  own: { readonly kid: string; readonly key: PublicJwk },
  nowMs: () => number = Date.now,
): Route {
  const seen = new Map<string, { readonly key: PublicJwk; seenAtMs: number }>();
  return ownEndpoint(readIdentityKeys, async () => {
    const now = nowMs();
    seen.set(own.kid, { key: own.key, seenAtMs: now });
    for (const { instanceId, publicKey } of discovery.instancesOf('gateway'))
      seen.set(instanceId, { key: publicKey, seenAtMs: now });
    for (const [kid, { seenAtMs }] of seen) if (now - seenAtMs > KEPT_MS) seen.delete(kid);
    return {
      keys: [...seen].map(([kid, { key }]) => ({
        kty: key.kty,
        crv: key.crv,
        x: key.x,
        y: key.y,
        kid,
        alg: 'ES256' as const,
        use: 'sig' as const,
      })),
    };
  });
}
