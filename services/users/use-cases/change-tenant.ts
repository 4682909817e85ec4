import type { Principal } from '@tenantry/auth/principal.ts';
import type { TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';
import { emit } from '@tenantry/events/emit.ts';
import { newId, PLATFORM_TENANT_ID, type TenantId } from '@tenantry/kernel/id.ts';
import { conflict, notFound } from '@tenantry/kernel/problems.ts';
import { recordAudit } from '@tenantry/kit/audit.ts';
import { schedule } from '@tenantry/kit/due/schedule.ts';
import { checkVersion } from '@tenantry/kit/http/entity-tag.ts';
import { tenantChanged } from '../contract/events.ts';
import type { UsersDeps } from '../deps.ts';
import { PUBLISH_TENANT } from '../domain/obligations.ts';
import { checkTenantTransition, type TenantStatus } from '../domain/tenant-status.ts';
import type { TenantRow, UsersTables } from '../store/tables.ts';
import { lockTenant, updateTenant } from '../store/tenants.ts';

/** Suspends, reactivates or closes a tenant. Tenant zero runs everything and stays active. */
export const changeTenantStatus =
  ({ databases }: Pick<UsersDeps, 'databases'>) =>
  (principal: Principal, tenantId: TenantId, to: TenantStatus): Promise<TenantRow> =>
    databases.withTenant(tenantId, async (uow) => {
      const tenant = await lockTenant(uow);
      if (tenant === undefined) throw notFound(`There is no tenant ${tenantId}.`);
      if (tenantId === PLATFORM_TENANT_ID) throw conflict('The platform itself cannot be suspended or closed.');
      checkTenantTransition(tenant.status, to);
      return save(uow, principal, { status: to }, `tenant:${to}`);
    });

/** Changes what a tenant says about itself. */
export const updateOwnTenant =
  ({ databases }: Pick<UsersDeps, 'databases'>) =>
  (
    principal: Principal,
    change: { name?: string; tax?: { registered: boolean; npwp?: string } },
    ifMatchVersion: number | null,
  ): Promise<TenantRow> =>
    databases.withTenant(principal.tenantId, async (uow) => {
      const tenant = await lockTenant(uow);
      if (tenant === undefined) throw notFound('There is no such tenant.');
      checkVersion(ifMatchVersion, tenant.version);
      const { name = tenant.name, tax } = change;
      return save(
        uow,
        principal,
        {
          name,
          tax_registered: tax?.registered ?? tenant.tax_registered,
          npwp: tax === undefined ? tenant.npwp : (tax.npwp ?? null),
        },
        'tenant:update',
      );
    });

async function save(
  uow: TenantUnitOfWork<UsersTables>,
  principal: Principal,
  change: Partial<TenantRow>,
  action: string,
): Promise<TenantRow> {
  const row = await updateTenant(uow, change);
  await schedule(uow, PUBLISH_TENANT, newId('evt'), uow.now);
  await emit(uow, tenantChanged, {
    subject: uow.tenantId,
    version: row.version,
    data: { tenantId: uow.tenantId, version: row.version },
  });
  await recordAudit(uow, principal, { action, resource: uow.tenantId, detail: { changed: Object.keys(change) } });
  return row;
}
