import type { UserRow, UsersReader, UsersUnitOfWork } from './tables.ts';

export const findUser = (reader: UsersReader, uuid: string): Promise<UserRow | undefined> =>
  reader.sql
    .selectFrom('users')
    .selectAll()
    .where('tenant_id', '=', reader.tenantUuid)
    .where('id', '=', uuid)
    .executeTakeFirst();

export const lockUser = (uow: UsersUnitOfWork, uuid: string): Promise<UserRow | undefined> =>
  uow.sql
    .selectFrom('users')
    .selectAll()
    .where('tenant_id', '=', uow.tenantUuid)
    .where('id', '=', uuid)
    .forUpdate()
    .executeTakeFirst();

export const findUserByEmail = (reader: UsersReader, email: string): Promise<UserRow | undefined> =>
  reader.sql
    .selectFrom('users')
    .selectAll()
    .where('tenant_id', '=', reader.tenantUuid)
    .where('email', '=', email)
    .executeTakeFirst();

/** @returns false when the address is taken in this tenant */
export async function insertUser(uow: UsersUnitOfWork, row: UserRow): Promise<boolean> {
  const result = await uow.sql
    .insertInto('users')
    .values(row)
    .onConflict((conflict) => conflict.columns(['tenant_id', 'email']).doNothing())
    .executeTakeFirst();
  return result.numInsertedOrUpdatedRows === 1n;
}

export const updateUser = (uow: UsersUnitOfWork, uuid: string, change: Partial<UserRow>): Promise<UserRow> =>
  uow.sql
    .updateTable('users')
    .set((eb) => ({ ...change, version: eb('version', '+', 1) }))
    .where('tenant_id', '=', uow.tenantUuid)
    .where('id', '=', uuid)
    .returningAll()
    .executeTakeFirstOrThrow();

export const listUsers = (
  reader: UsersReader,
  page: { beforeUuid: string | null; limit: number },
): Promise<UserRow[]> => {
  let query = reader.sql.selectFrom('users').selectAll().where('tenant_id', '=', reader.tenantUuid);
  if (page.beforeUuid !== null) query = query.where('id', '<', page.beforeUuid);
  return query
    .orderBy('id', 'desc')
    .limit(page.limit + 1)
    .execute();
};

/** Locks the owners, so that two changes at once cannot each leave the other as the last one and both go. */
export async function lockOwners(uow: UsersUnitOfWork): Promise<readonly string[]> {
  const rows = await uow.sql
    .selectFrom('users')
    .select('id')
    .where('tenant_id', '=', uow.tenantUuid)
    .where('status', '=', 'active')
    .where((eb) => eb(eb.val('owner'), '=', eb.fn.any('roles')))
    .orderBy('id')
    .forUpdate()
    .execute();
  return rows.map((row) => row.id);
}
