import type { SessionRow, UsersReader, UsersUnitOfWork } from './tables.ts';

export async function insertSession(uow: UsersUnitOfWork, row: SessionRow): Promise<void> {
  await uow.sql.insertInto('sessions').values(row).execute();
}

export const findSession = (reader: UsersReader, uuid: string): Promise<SessionRow | undefined> =>
  reader.sql
    .selectFrom('sessions')
    .selectAll()
    .where('tenant_id', '=', reader.tenantUuid)
    .where('id', '=', uuid)
    .executeTakeFirst();

export const listLiveSessions = (reader: UsersReader, userUuid: string): Promise<SessionRow[]> =>
  reader.sql
    .selectFrom('sessions')
    .selectAll()
    .where('tenant_id', '=', reader.tenantUuid)
    .where('user_id', '=', userUuid)
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', reader.now)
    .orderBy('id', 'desc')
    .limit(200)
    .execute();

export async function touchSession(uow: UsersUnitOfWork, uuid: string): Promise<void> {
  await uow.sql
    .updateTable('sessions')
    .set({ last_used_at: uow.now })
    .where('tenant_id', '=', uow.tenantUuid)
    .where('id', '=', uuid)
    .execute();
}

/** Ends sessions of a user that still live: one, all, or all but one. @returns those that it ended */
export async function endSessions(
  uow: UsersUnitOfWork,
  userUuid: string,
  which: { only?: string; except?: string },
): Promise<readonly string[]> {
  let query = uow.sql
    .updateTable('sessions')
    .set({ revoked_at: uow.now })
    .where('tenant_id', '=', uow.tenantUuid)
    .where('user_id', '=', userUuid)
    .where('revoked_at', 'is', null);
  if (which.only !== undefined) query = query.where('id', '=', which.only);
  if (which.except !== undefined) query = query.where('id', '!=', which.except);
  const rows = await query.returning('id').execute();
  return rows.map((row) => row.id);
}

export async function insertRefreshToken(uow: UsersUnitOfWork, hash: string, sessionUuid: string): Promise<void> {
  await uow.sql
    .insertInto('refresh_tokens')
    .values({ tenant_id: uow.tenantUuid, hash, session_id: sessionUuid, issued_at: uow.now, used_at: null })
    .execute();
}

/** Uses a refresh token up. One statement, so of two uses at the same instant exactly one is the first. */
export async function useRefreshToken(uow: UsersUnitOfWork, hash: string): Promise<'unknown' | 'reused' | 'first-use'> {
  const used = await uow.sql
    .updateTable('refresh_tokens')
    .set({ used_at: uow.now })
    .where('tenant_id', '=', uow.tenantUuid)
    .where('hash', '=', hash)
    .where('used_at', 'is', null)
    .executeTakeFirst();
  if (used.numUpdatedRows === 1n) return 'first-use';
  return (await findRefreshTokenSession(uow, hash)) === null ? 'unknown' : 'reused';
}

export async function findRefreshTokenSession(uow: UsersUnitOfWork, hash: string): Promise<string | null> {
  const row = await uow.sql
    .selectFrom('refresh_tokens')
    .select('session_id')
    .where('tenant_id', '=', uow.tenantUuid)
    .where('hash', '=', hash)
    .executeTakeFirst();
  return row?.session_id ?? null;
}
