import { PLATFORM_TENANT_ID, type TenantId } from '@tenantry/kernel/id.ts';
import { type Grant, type Reach, reachOf } from './permissions.ts';

/** Who is calling. A service acts for a tenant, in its own name or (`onBehalfOf`) because a user asked for it. */
export type Principal = {
  readonly kind: 'user' | 'service';
  readonly tenantId: TenantId;
  /** `usr_…`, the service's name, or `ten_…` (`tenantAsCustomer`). */
  readonly id: string;
  readonly grants: readonly Grant[];
  readonly roles: readonly string[];
  readonly sessionId: string | null;
  readonly onBehalfOf: string | null;
};

export const servicePrincipal = (service: string, tenantId: TenantId, onBehalfOf: string | null = null): Principal => ({
  kind: 'service',
  tenantId,
  id: service,
  grants: [],
  roles: [],
  sessionId: null,
  onBehalfOf,
});

/**
 * A whole tenant as a customer of tenant zero: it reaches there what is its own, and nothing else. Made of somebody who may
 * speak for that tenant, which is for the endpoint to have asked; the audit names both.
 */
export const tenantAsCustomer = ({ tenantId, id }: Principal): Principal => ({
  kind: 'user',
  tenantId: PLATFORM_TENANT_ID,
  id: tenantId,
  grants: ['subscription:*@own', 'invoice:*@own'],
  roles: [],
  sessionId: null,
  onBehalfOf: id,
});

/** The widest reach of this principal for a permission; a service reaches the whole tenant it acts for. */
export const principalReach = (principal: Principal, permission: string): Reach | null =>
  principal.kind === 'service' ? 'tenant' : reachOf(principal.grants, permission);

/**
 * The one question of every read of something owned: may this principal see what `ownerId` owns?
 * "No" and "does not exist" give the same answer outside.
 */
export function mayReach(principal: Principal, permission: string, ownerId: string): boolean {
  const reach = principalReach(principal, permission);
  return reach === 'tenant' || reach === 'platform' || (reach === 'own' && principal.id === ownerId);
}
