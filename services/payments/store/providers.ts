import type { ProviderEnvironment, ProviderRecord } from '../domain/provider-account.ts';
import type { PaymentsReader, PaymentsUnitOfWork } from './tables.ts';

const MIDTRANS = 'midtrans';

export async function findProvider(reader: PaymentsReader): Promise<ProviderRecord | null> {
  const row = await reader.sql
    .selectFrom('payment_providers')
    .selectAll()
    .where('tenant_id', '=', reader.tenantUuid)
    .where('provider', '=', MIDTRANS)
    .executeTakeFirst();
  if (row === undefined) return null;
  return {
    environment: row.environment as ProviderEnvironment,
    serverKeyHint: row.server_key_hint,
    updatedAt: row.updated_at,
  };
}

const toRow = (uow: PaymentsUnitOfWork, record: ProviderRecord) => ({
  tenant_id: uow.tenantUuid,
  provider: MIDTRANS,
  environment: record.environment,
  server_key_hint: record.serverKeyHint,
  updated_at: record.updatedAt,
});

export async function putProvider(uow: PaymentsUnitOfWork, record: ProviderRecord): Promise<void> {
  const row = toRow(uow, record);
  await uow.sql
    .insertInto('payment_providers')
    .values(row)
    .onConflict((conflict) => conflict.columns(['tenant_id', 'provider']).doUpdateSet(row))
    .execute();
}

/** False when there is one already, which then stays. */
export async function addProvider(uow: PaymentsUnitOfWork, record: ProviderRecord): Promise<boolean> {
  const result = await uow.sql
    .insertInto('payment_providers')
    .values(toRow(uow, record))
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return result.numInsertedOrUpdatedRows === 1n;
}
