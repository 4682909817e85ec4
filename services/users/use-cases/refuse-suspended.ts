import { PLATFORM_TENANT_ID } from '@tenantry/kernel/id.ts';
import { tenantSuspended } from '@tenantry/kernel/problems.ts';
import type { UsersUnitOfWork } from '../store/tables.ts';
import { findTenant } from '../store/tenants.ts';

/** Nobody signs up or in at a tenant that is suspended or closed; the platform itself always stays open. */
export async function refuseSuspended(uow: UsersUnitOfWork): Promise<void> {
  if (uow.tenantId === PLATFORM_TENANT_ID) return;
  const tenant = await findTenant(uow);
  if (tenant?.status === 'suspended' || tenant?.status === 'closed') {
    throw tenantSuspended(`This tenant is ${tenant.status}. Its owner can reach the platform about it.`);
  }
}
