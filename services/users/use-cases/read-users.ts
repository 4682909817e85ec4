import { mayReach, type Principal } from '@tenantry/auth/principal.ts';
import type { PageQueryInput } from '@tenantry/contract/schemas.ts';
import { type UserId, uuidOf } from '@tenantry/kernel/id.ts';
import { checkVersion } from '@tenantry/kit/http/entity-tag.ts';
import { readPageQuery } from '@tenantry/kit/paging.ts';
import type { UsersDeps } from '../deps.ts';
import { userNotFound } from '../problems.ts';
import { listLiveSessions } from '../store/sessions.ts';
import type { SessionRow, UserRow } from '../store/tables.ts';
import { findUser, listUsers, lockUser, updateUser } from '../store/users.ts';

export const readUser =
  ({ databases }: Pick<UsersDeps, 'databases'>) =>
  async (principal: Principal, userId: UserId): Promise<UserRow> => {
    const reachable = mayReach(principal, 'user:read', userId);
    const user = reachable
      ? await databases.withTenant.read(principal.tenantId, (reader) => findUser(reader, uuidOf(userId)))
      : undefined;
    if (user === undefined) throw userNotFound(`There is no user ${userId}.`);
    return user;
  };

export const listTenantUsers =
  ({ databases }: Pick<UsersDeps, 'databases'>) =>
  async (
    principal: Principal,
    query: PageQueryInput,
  ): Promise<{ readonly rows: readonly UserRow[]; readonly limit: number }> => {
    const page = readPageQuery(query);
    const rows = await databases.withTenant.read(principal.tenantId, (reader) => listUsers(reader, page));
    return { rows, limit: page.limit };
  };

export const updateProfile =
  ({ databases }: Pick<UsersDeps, 'databases'>) =>
  (
    principal: Principal,
    change: { name?: string; locale?: 'id' | 'en' },
    ifMatchVersion: number | null,
  ): Promise<UserRow> =>
    databases.withTenant(principal.tenantId, async (uow) => {
      const uuid = uuidOf(principal.id as UserId);
      const user = await lockUser(uow, uuid);
      if (user === undefined) throw userNotFound('This account is gone.');
      checkVersion(ifMatchVersion, user.version);
      return updateUser(uow, uuid, { name: change.name ?? user.name, locale: change.locale ?? user.locale });
    });

/** Where somebody is signed in, newest first. */
export const listSessions =
  ({ databases }: Pick<UsersDeps, 'databases'>) =>
  (principal: Principal): Promise<readonly SessionRow[]> =>
    databases.withTenant.read(principal.tenantId, (reader) => listLiveSessions(reader, uuidOf(principal.id as UserId)));
