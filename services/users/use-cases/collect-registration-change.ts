import type { DataOf, EventEnvelope } from '@tenantry/contract/event.ts';
import type { registrationChanged } from '@tenantry/contract/registration-changed.ts';
import type { TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';
import { collectAudit } from '../store/collected-audit.ts';
import type { UsersTables } from '../store/tables.ts';

/** The gateway keeps what is registered in JetStream and has no audit rows of its own. */
export function collectRegistrationChange(
  uow: TenantUnitOfWork<UsersTables>,
  event: EventEnvelope<DataOf<typeof registrationChanged>>,
): Promise<void> {
  const { version, fields, changedAt, ...who } = event.data;
  const detail = { version, ...(fields.length > 0 && { fields }) };
  return collectAudit(uow, event, { ...who, occurredAt: changedAt, detail });
}
