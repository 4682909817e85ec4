import type { TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';
import type { ProviderEnvironment, ProviderRecord } from '../domain/provider-account.ts';
import type { PaymentTables } from './tables.ts';

type Uow = TenantUnitOfWork<PaymentTables>;

const MIDTRANS = 'midtrans';

export async function findProvider(uow: Uow): Promise<ProviderRecord | null> {
  const row = await uow.sql
    .selectFrom('payment_providers')
    .selectAll()
    .where('tenant_id', '=', uow.tenantUuid)
    .where('provider', '=', MIDTRANS)
    .executeTakeFirst();
  if (row === undefined) return null;
  return {
    environment: row.environment as ProviderEnvironment,
    serverKeyHint: row.server_key_hint,
    updatedAt: row.updated_at,
  };
}

export async function putProvider(uow: Uow, record: ProviderRecord): Promise<void> {
  const columns = {
    environment: record.environment,
    server_key_hint: record.serverKeyHint,
    updated_at: record.updatedAt,
  };
  await uow.sql
    .insertInto('payment_providers')
    .values({ tenant_id: uow.tenantUuid, provider: MIDTRANS, ...columns })
    .onConflict((conflict) => conflict.columns(['tenant_id', 'provider']).doUpdateSet(columns))
    .execute();
}
