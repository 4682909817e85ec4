import { type Grant, grantsOf } from '@tenantry/auth/permissions.ts';
import { BoundedCache } from '../bounded-cache.ts';

/** What a set of roles allows; the same object for everybody who has these roles. */
export type PermissionSet = {
  readonly roles: readonly string[];
  readonly grants: readonly Grant[];
  /** Answers of the permission check so far, by permission and reach. */
  readonly allowed: Map<string, boolean>;
};

const MAX_SETS = 1_000;

/** Many tokens have few sets of roles: each is worked out once, and takes memory once. */
export class PermissionSets {
  readonly #sets = new BoundedCache<string, PermissionSet>(MAX_SETS);

  of(roles: readonly string[], inPlatformTenant: boolean): PermissionSet {
    const key = JSON.stringify([inPlatformTenant, ...roles]);
    let known = this.#sets.get(key);
    if (known === undefined) {
      known = { roles, grants: grantsOf(roles, inPlatformTenant), allowed: new Map() };
      this.#sets.set(key, known);
    }
    return known;
  }
}
