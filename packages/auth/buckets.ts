import type { PublicJwk } from './jws.ts';

/** Public keys of access tokens, by `kid`. Written by users, watched by every gateway. */
export const KEYS_BUCKET = { bucket: 'keys' } as const;
export type PublishedKey = PublicJwk & { readonly kid: string };

/** How long an access token lives; a revocation need not be remembered longer. */
export const ACCESS_TOKEN_LIFE_SECONDS = 900;

/** Sessions that ended before their access tokens did, by session id. Written by users, watched by every gateway. */
export const REVOCATIONS_BUCKET = { bucket: 'revocations', ttlMs: (ACCESS_TOKEN_LIFE_SECONDS + 60) * 1_000 } as const;
export type Revocation = { readonly revokedAt: string };
