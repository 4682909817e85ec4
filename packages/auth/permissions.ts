/** What a role may do, and how far. The rules are few, so they are a function, not a table to keep in step. */

export type Reach = 'own' | 'tenant' | 'platform';

/** `resource:action@reach`; either part before the `@` may be `*`. */
export type Grant = `${string}:${string}@${Reach}`;

export type SystemRole = 'owner' | 'admin' | 'billing' | 'member' | 'operator';

export const SYSTEM_ROLES: readonly SystemRole[] = ['owner', 'admin', 'billing', 'member', 'operator'];

const BILLING_RESOURCES = [
  'invoice',
  'payment',
  'refund',
  'ledger',
  'subscription',
  'tax-rule',
  'credit-note',
  // What the tenant itself buys, from the platform.
  'platform-subscription',
  'platform-invoice',
];

/** What a wildcard never covers: who has it must have been given it by name. Handing over a tenant is for its owner. */
const NEVER_BY_WILDCARD = new Set(['ownership']);

const GRANTS: Readonly<Record<SystemRole, readonly Grant[]>> = {
  member: ['*:*@own'],
  billing: ['*:*@own', ...BILLING_RESOURCES.map((resource): Grant => `${resource}:*@tenant`)],
  admin: ['*:*@tenant'],
  owner: ['*:*@tenant', 'ownership:*@tenant'],
  operator: ['*:*@tenant', 'ownership:*@tenant', '*:*@platform'],
};

/** The grants of a set of roles. `operator` counts in tenant zero only; an unknown role grants nothing. */
export function grantsOf(roles: readonly string[], inPlatformTenant: boolean): readonly Grant[] {
  const grants = new Set<Grant>();
  for (const role of roles) {
    if (role === 'operator' && !inPlatformTenant) continue;
    if (!Object.hasOwn(GRANTS, role)) continue;
    for (const grant of GRANTS[role as SystemRole]) grants.add(grant);
  }
  return [...grants].toSorted();
}

const WIDTH: Readonly<Record<Reach, number>> = { own: 1, tenant: 2, platform: 3 };

/** The widest reach that the grants give for a permission, or null. Each reach includes the narrower ones. */
export function reachOf(grants: readonly Grant[], permission: string): Reach | null {
  const [resource = '', action = ''] = permission.split(':');
  let widest: Reach | null = null;
  for (const grant of grants) {
    const [pattern = '', reach] = grant.split('@') as [string, Reach];
    const [grantedResource, grantedAction] = pattern.split(':');
    const named = grantedResource === resource;
    if (!named && (grantedResource !== '*' || NEVER_BY_WILDCARD.has(resource))) continue;
    if (grantedAction !== '*' && grantedAction !== action) continue;
    if (widest === null || WIDTH[reach] > WIDTH[widest]) widest = reach;
  }
  return widest;
}

/** Whether the grants reach at least as far as an endpoint asks. */
export function isAllowed(grants: readonly Grant[], permission: string, needed: Reach): boolean {
  const reach = reachOf(grants, permission);
  return reach !== null && WIDTH[reach] >= WIDTH[needed];
}
