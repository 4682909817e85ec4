import { type SigningKey, signJws } from '@tenantry/auth/jws.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import type { Verified } from '../access/verified.ts';

/** The `typ` of the token (RFC 8725 §3.11): no other token of ours can stand in for it, nor it for another. */
const TYP = 'tenantry-identity+jwt';
const LIFE_SECONDS = 60;
/** Less than this is not handed out: the request is still on its way, and the upstream's clock is its own. */
const LEAST_LIFE_SECONDS = 20;
const MAX_REMEMBERED_UPSTREAMS = 64;

export const REQUEST_ID_HEADER = 'x-tenantry-request-id';

type Prepared = { readonly pairs: readonly string[]; readonly expiresAtSeconds: number; readonly plan: string | null };

/** A role may be named by a tenant; a header takes letters. */
const toHeaderText = (text: string): string => (/^[\w.:-]*$/.test(text) ? text : encodeURIComponent(text));

/**
 * Who is calling, for an upstream that is not ours: plain headers for those who trust their network, and the same signed
 * for those who check. Signed once per verified token and upstream, and again before it ends; it names the upstream it is
 * for, so that one product cannot show it to another. The plan is the tenant's own, of the platform, and told anew as soon
 * as it is another one; without a plan there is no such header.
 */
export function createIdentity(options: {
  readonly key: SigningKey;
  readonly issuer: string;
  readonly slugOf: (tenantId: TenantId) => string;
  readonly planOf: (tenantId: TenantId) => string | null;
  readonly nowSeconds?: () => number;
}) {
  const { key, issuer, slugOf, planOf, nowSeconds = () => Math.floor(Date.now() / 1_000) } = options;
  // Ends with the verified token, whichever cache that is in.
  const prepared = new WeakMap<Verified, Map<string, Prepared>>();

  const prepare = ({ claims }: Verified, upstreamId: string, plan: string | null, now: number): Prepared => {
    const { tenantId, userId, roles } = claims;
    const slug = slugOf(tenantId);
    const expiresAtSeconds = Math.min(now + LIFE_SECONDS, claims.expiresAtSeconds);
    const token = signJws(key, TYP, {
      iss: issuer,
      aud: upstreamId,
      sub: userId,
      tid: tenantId,
      slug,
      plan,
      roles,
      iat: now,
      exp: expiresAtSeconds,
    });
    const pairs = [
      ...['x-tenantry-tenant-id', tenantId],
      ...['x-tenantry-tenant-slug', slug],
      ...(plan === null ? [] : ['x-tenantry-plan', plan]),
      ...['x-tenantry-user-id', userId],
      ...['x-tenantry-roles', roles.map(toHeaderText).join(',')],
      ...['x-tenantry-identity', token],
    ];
    return { pairs, expiresAtSeconds, plan };
  };

  /** Names and values in turn. */
  return (verified: Verified, upstreamId: string): readonly string[] => {
    const now = nowSeconds();
    const plan = planOf(verified.claims.tenantId);
    let ofToken = prepared.get(verified);
    const known = ofToken?.get(upstreamId);
    const endsSoon = known !== undefined && known.expiresAtSeconds - now < LEAST_LIFE_SECONDS;
    // A token near its own end has an identity that ends with it, and no better can be had.
    const endsWithToken = known?.expiresAtSeconds === verified.claims.expiresAtSeconds;
    if (known !== undefined && known.plan === plan && (!endsSoon || endsWithToken)) return known.pairs;
    const fresh = prepare(verified, upstreamId, plan, now);
    if (ofToken === undefined || ofToken.size >= MAX_REMEMBERED_UPSTREAMS) {
      ofToken = new Map();
      prepared.set(verified, ofToken);
    }
    ofToken.set(upstreamId, fresh);
    return fresh.pairs;
  };
}
