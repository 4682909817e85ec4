import { newUuid, type TenantId } from '@tenantry/kernel/id.ts';
import { defineProblem } from '@tenantry/kernel/problem.ts';
import type { Databases } from '../factory.ts';
import { isUniqueViolation } from '../postgres/errors.ts';
import type { NotesTables } from './open-test-databases.ts';

const noteTaken = defineProblem({ code: 'note-taken', category: 'conflict', title: 'The note is taken' });

/** What a test does between two steps. */
export type Steps = {
  readonly claimed?: () => unknown;
  readonly written?: () => unknown;
  readonly committed?: () => unknown;
};

/** As use cases do it: a name that only one tenant may have, and what it is for, in one unit of work. */
export function takeNote(
  { holdName, withTenant }: Pick<Databases<NotesTables>, 'holdName' | 'withTenant'>,
  tenant: TenantId,
  key: string,
  steps: Steps = {},
): Promise<string> {
  const target = newUuid();
  const taken = (cause?: unknown) => noteTaken(`The note ${key} is taken.`, { cause });
  const name = { kind: 'note', key, target, taken };
  return holdName(tenant, name, async (claim) => {
    await steps.claimed?.();
    await withTenant(tenant, async (uow) => {
      await uow.sql
        .insertInto('lookups')
        .values({ kind: 'note', key, tenant_id: uow.tenantUuid, target, claim })
        .execute()
        .catch((error: unknown) => {
          throw isUniqueViolation(error, 'lookups_pkey') ? taken(error) : error;
        });
      await uow.sql.insertInto('notes').values({ tenant_id: uow.tenantUuid, id: target, text: key }).execute();
      await steps.written?.();
    });
    await steps.committed?.();
    return target;
  });
}
