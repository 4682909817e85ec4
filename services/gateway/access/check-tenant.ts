import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { PLATFORM_TENANT_ID } from '@tenantry/kernel/id.ts';
import { Problem } from '@tenantry/kernel/problem.ts';
import { tenantMismatch, tenantSuspended, unauthenticated } from '@tenantry/kernel/problems.ts';
import type { TenantDirectory } from '@tenantry/kit/tenants/directory.ts';
import type { Exchange } from '../edge/exchange.ts';

/**
 * The tenant is the token's, always. A header may repeat it and must not contradict it; a tenant that was suspended or
 * closed is refused. Tenant zero is not looked up: whoever runs the platform must be able to undo a suspension.
 */
export function createCheckTenant(tenants: Pick<TenantDirectory, 'peek' | 'get'>) {
  return (exchange: Exchange): void | Promise<void> => {
    const { head, verified } = exchange;
    if (head === null || verified === null) throw new Error('The tenant is checked after the token.');
    const { tenantId } = verified.claims;
    if (head.tenantId !== null && head.tenantId !== tenantId)
      throw tenantMismatch('X-Tenant-Id names another tenant than the access token. Leave it out or correct it.');
    if (tenantId === PLATFORM_TENANT_ID) return;
    const record = tenants.peek(tenantId);
    if (record !== undefined) return checkStatus(record);
    return tenants.get(tenantId).then(checkStatus, (error: unknown) => {
      if (error instanceof Problem && error.kind.category === 'not-found')
        throw unauthenticated('The tenant of this access token does not exist.', { cause: error });
      throw error;
    });
  };
}

export const isShut = (record: TenantRecord | undefined): boolean =>
  record?.status === 'suspended' || record?.status === 'closed';

function checkStatus(record: TenantRecord): void {
  if (isShut(record))
    throw tenantSuspended(`This tenant is ${record.status}. Its owner can reach the platform about it.`);
}
