import { appRole, derivePassword } from '@tenantry/databases/credentials.ts';
import { type TenantId, type UserId, uuidOf } from '@tenantry/kernel/id.ts';
import pg from 'pg';
import type { Stand } from '../stand.ts';
import { timeInTurn } from '../statistics.ts';
import { ms, type Row } from '../table.ts';
import { openUsersDatabases } from '../users-databases.ts';

type Tables = { users: { tenant_id: string; id: string; email: string } };

/** One row by its key under row-level security, as a service reads it, against `select 1` of the bare driver. */
export async function databaseRows(stand: Stand): Promise<Row[]> {
  const { databaseUrl } = stand.storeUrls;
  const databases = openUsersDatabases<Tables>(stand);
  const url = new URL(databaseUrl);
  url.username = appRole('users');
  url.password = derivePassword(stand.masterKey, appRole('users'));
  const raw = new pg.Client({ connectionString: url.href });
  await raw.connect();
  const userUuid = uuidOf(stand.customer.id as UserId);
  const read = () =>
    databases.withTenant(stand.tenant.id as TenantId, (uow) =>
      uow.sql
        .selectFrom('users')
        .select('email')
        .where('tenant_id', '=', uow.tenantUuid)
        .where('id', '=', userUuid)
        .executeTakeFirstOrThrow(),
    );
  const [scoped, floor] = await timeInTurn(2_000, read, () => raw.query('select 1'));
  await raw.end();
  await databases.close();
  return [
    {
      what: 'One row of a tenant (withTenant, 3 round trips)',
      p50: ms(scoped.p50),
      p99: ms(scoped.p99),
      ratio: `${(scoped.p50 / floor.p50).toFixed(1)} x select 1 of the driver (${ms(floor.p50)})`,
      budget: '10 ms',
    },
  ];
}
