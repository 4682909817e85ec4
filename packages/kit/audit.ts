import type { Principal } from '@tenantry/auth/principal.ts';
import type { TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';
import { traceIdOf } from '@tenantry/kernel/call-context.ts';
import { newUuid } from '@tenantry/kernel/id.ts';

/**
 * Who did what to what, written with the change itself.
 * @param record.action `invoice:finalize`; `resource` the TypeID; `detail` ids and amounts, never personal data
 */
export async function recordAudit(
  uow: TenantUnitOfWork,
  principal: Principal,
  record: { readonly action: string; readonly resource: string; readonly detail?: Readonly<Record<string, unknown>> },
): Promise<void> {
  uow.enqueue(
    uow.sql.insertInto('audit').values({
      tenant_id: uow.tenantUuid,
      id: newUuid(),
      occurred_at: uow.now,
      principal: principal.kind === 'service' ? `service:${principal.id}` : principal.id,
      on_behalf_of: principal.onBehalfOf,
      action: record.action,
      resource: record.resource,
      detail: JSON.stringify(record.detail ?? {}),
      trace_id: traceIdOf(uow.traceparent),
    }),
  );
}
