import type { Principal } from '@tenantry/auth/principal.ts';
import { emit } from '@tenantry/events/emit.ts';
import { idFromUuid, newId, newUuid, type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import { recordAudit } from '@tenantry/kit/audit.ts';
import { schedule } from '@tenantry/kit/due/schedule.ts';
import { tenantCreated } from '../contract/events.ts';
import type { UsersDeps } from '../deps.ts';
import { PUBLISH_TENANT } from '../domain/obligations.ts';
import { checkPassword } from '../domain/password-policy.ts';
import { checkTimeZone } from '../domain/time-zone.ts';
import type { RoleName, TenantRow } from '../store/tables.ts';
import { findTenant, insertTenant, slugBelongsToAnother, TENANT_SLUG } from '../store/tenants.ts';
import { insertUser } from '../store/users.ts';

export type NewTenant = {
  readonly id: TenantId;
  readonly slug: string;
  readonly name: string;
  readonly country: string;
  readonly currency: TenantRow['currency'];
  readonly timeZone: string;
  readonly mode: TenantRow['mode'];
  readonly tax: { readonly registered: boolean; readonly npwp?: string };
  readonly admin: {
    readonly email: string;
    readonly password: string;
    readonly name: string;
    readonly roles: readonly RoleName[];
  };
};

/** A tenant and its first admin, in one transaction: there is never one without the other. Repeatable by the tenant's id. */
export const createTenant =
  ({ databases, passwords }: Pick<UsersDeps, 'databases' | 'passwords'>) =>
  async (principal: Principal, tenant: NewTenant): Promise<TenantRow> => {
    const email = tenant.admin.email.toLowerCase();
    checkTimeZone(tenant.timeZone);
    checkPassword(tenant.admin.password, email);
    const passwordHash = await passwords.hash(tenant.admin.password, tenant.id);
    const slug = {
      ...{ kind: TENANT_SLUG, key: tenant.slug, target: uuidOf(tenant.id) },
      taken: () => slugBelongsToAnother(tenant.slug),
    };
    return databases.holdName(tenant.id, slug, (claim) =>
      databases.withTenant(tenant.id, async (uow) => {
        const existing = await findTenant(uow);
        if (existing !== undefined) return existing;
        const row: TenantRow = {
          tenant_id: uow.tenantUuid,
          slug: tenant.slug,
          name: tenant.name,
          status: 'active',
          country: tenant.country,
          currency: tenant.currency,
          time_zone: tenant.timeZone,
          mode: tenant.mode,
          tax_registered: tenant.tax.registered,
          npwp: tenant.tax.npwp ?? null,
          version: 1,
          created_at: uow.now,
        };
        await insertTenant(uow, row, claim);
        const userUuid = newUuid();
        await insertUser(uow, {
          tenant_id: uow.tenantUuid,
          id: userUuid,
          email,
          name: tenant.admin.name,
          locale: tenant.country === 'ID' ? 'id' : 'en',
          status: 'active',
          password_hash: passwordHash,
          roles: [...tenant.admin.roles],
          version: 1,
          created_at: uow.now,
        });
        await schedule(uow, PUBLISH_TENANT, newId('evt'), uow.now);
        await emit(uow, tenantCreated, { subject: tenant.id, version: 1, data: { tenantId: tenant.id } });
        await recordAudit(uow, principal, {
          action: 'tenant:create',
          resource: tenant.id,
          detail: { admin: idFromUuid('usr', userUuid), slug: tenant.slug },
        });
        return row;
      }),
    );
  };
