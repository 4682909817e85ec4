import { readTenantRecord } from '@tenantry/contract/tenant-record.ts';
import { idFromUuid } from '@tenantry/kernel/id.ts';
import { type Route, serve, Versioned } from '@tenantry/kit/http/route.ts';
import { toPage } from '@tenantry/kit/paging.ts';
import * as contract from '../contract/tenants.ts';
import type { UsersDeps } from '../deps.ts';
import { changeTenantStatus, updateOwnTenant } from '../use-cases/change-tenant.ts';
import { createTenant } from '../use-cases/create-tenant.ts';
import { listTenants, readTenant } from '../use-cases/read-tenants.ts';
import { toTenantRecord } from '../use-cases/tenant-record.ts';
import { toTenantView } from './views.ts';

export const tenantRoutes = (deps: UsersDeps): Route[] => [
  serve(contract.createTenant, async ({ principal, body, resourceUuid }) =>
    toTenantView(
      await createTenant(deps)(principal, {
        ...body,
        id: idFromUuid('ten', resourceUuid),
        mode: body.mode ?? 'live',
        tax: body.tax ?? { registered: false },
        admin: { ...body.admin, roles: ['owner'] },
      }),
    ),
  ),
  serve(contract.listTenants, async ({ query }) => {
    const { rows, limit } = await listTenants(deps)(query);
    return toPage(rows, limit, (row) => row.tenant_id, toTenantView);
  }),
  serve(contract.suspendTenant, async ({ principal, params }) =>
    toTenantView(await changeTenantStatus(deps)(principal, params.tenantId, 'suspended')),
  ),
  serve(contract.reactivateTenant, async ({ principal, params }) =>
    toTenantView(await changeTenantStatus(deps)(principal, params.tenantId, 'active')),
  ),
  serve(contract.closeTenant, async ({ principal, params }) =>
    toTenantView(await changeTenantStatus(deps)(principal, params.tenantId, 'closed')),
  ),
  serve(contract.readOwnTenant, async ({ principal }) => {
    const tenant = await readTenant(deps)(principal.tenantId);
    return new Versioned(toTenantView(tenant), tenant.version);
  }),
  serve(contract.updateOwnTenant, async ({ principal, body, ifMatchVersion }) => {
    const tenant = await updateOwnTenant(deps)(principal, body, ifMatchVersion);
    return new Versioned(toTenantView(tenant), tenant.version);
  }),
  serve(readTenantRecord, async ({ params }) => toTenantRecord(await readTenant(deps)(params.tenantId))),
];
