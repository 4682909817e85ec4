import type { AccessTokenClaims } from '@tenantry/auth/access-token.ts';
import type { Principal } from '@tenantry/auth/principal.ts';

/** A token that was checked once, with what was derived from it. Lives in the cache and never longer than the token. */
export type Verified = {
  readonly claims: AccessTokenClaims;
  /** The key that signed it: withdrawn, it takes its tokens along. */
  readonly kid: string;
  readonly principal: Principal;
  /** Names of the buckets that its requests draw on. */
  readonly rateKeys: { readonly tenantKey: string; readonly principalKey: string };
  /** Answers of the permission check so far, by permission and reach; of all who have the same roles. */
  readonly allowed: Map<string, boolean>;
  passport: { readonly token: string; readonly expiresAtSeconds: number } | null;
};
