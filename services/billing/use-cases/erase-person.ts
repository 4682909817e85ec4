import type { Principal } from '@tenantry/auth/principal.ts';
import type { TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';
import type { UserId } from '@tenantry/kernel/id.ts';
import { recordAudit } from '@tenantry/kit/audit.ts';
import type { BillingDeps } from './deps.ts';

/**
 * Destroys the person's key, so that no invoice names them any more, wherever its row was copied to. Invoices, books and
 * events stay whole: they know an id. Idempotent, and good for a person who has no invoice yet.
 */
export const erasePerson =
  ({ databases, dataKeys }: Pick<BillingDeps, 'databases' | 'dataKeys'>) =>
  async (principal: Principal, userId: UserId): Promise<void> => {
    await databases.withTenant(principal.tenantId, async (uow) => {
      await dataKeys.erase(uow, userId);
      await recordAudit(uow as TenantUnitOfWork, principal, { action: 'person:erase', resource: userId });
    });
    dataKeys.forget(principal.tenantId, userId);
  };
