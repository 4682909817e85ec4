import { idFromUuid } from '@tenantry/kernel/id.ts';
import { formatInstant } from '@tenantry/kernel/instant.ts';
import type { SessionRow, TenantRow, UserRow } from '../store/tables.ts';
import { toTenantRecord } from '../use-cases/tenant-record.ts';

export const toTenantView = (row: TenantRow) => ({ ...toTenantRecord(row), createdAt: formatInstant(row.created_at) });

export const toUserView = (row: UserRow) => ({
  id: idFromUuid('usr', row.id),
  tenantId: idFromUuid('ten', row.tenant_id),
  email: row.email,
  name: row.name,
  locale: row.locale,
  status: row.status,
  roles: row.roles,
  createdAt: formatInstant(row.created_at),
});

export const toSessionView = (row: SessionRow, currentSessionId: string | null) => ({
  id: idFromUuid('ses', row.id),
  createdAt: formatInstant(row.created_at),
  lastUsedAt: formatInstant(row.last_used_at),
  expiresAt: formatInstant(row.expires_at),
  current: idFromUuid('ses', row.id) === currentSessionId,
});
