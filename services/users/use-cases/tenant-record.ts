import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { idFromUuid } from '@tenantry/kernel/id.ts';
import type { TenantRow } from '../store/tables.ts';

/** What every process of the house is told of a tenant. */
export const toTenantRecord = (row: TenantRow): TenantRecord => ({
  id: idFromUuid('ten', row.tenant_id),
  slug: row.slug,
  name: row.name,
  status: row.status,
  country: row.country,
  currency: row.currency,
  timeZone: row.time_zone,
  mode: row.mode,
  tax: { registered: row.tax_registered, npwp: row.npwp },
  version: row.version,
});
