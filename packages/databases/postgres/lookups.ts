import { idFromUuid, type TenantId } from '@tenantry/kernel/id.ts';
import { databaseUnavailable, isUnavailable } from './errors.ts';
import type { WorkerDatabase } from './worker-database.ts';

export type FoundLookup = { readonly tenantId: TenantId; readonly key: string; readonly target: string };

export type LookupPage = {
  readonly tenantUuid?: string;
  readonly by: 'key' | 'tenant_id';
  /** Null begins at the greatest. */
  readonly before: string | null;
  readonly isInclusive?: boolean;
  readonly limit: number;
};

/**
 * From something foreign or hashed to the tenant that it belongs to, before there is a tenant to ask as. A lookup lies in
 * its tenant's database, so every database is asked. All of it throws `upstream-unavailable` rather than to say "nobody's"
 * while one of them is away.
 */
export type Lookups = {
  readonly find: (kind: string, key: string) => Promise<FoundLookup | null>;
  /** Greatest first. */
  readonly list: (kind: string, page: LookupPage) => Promise<readonly FoundLookup[]>;
  /** In no order, and of every database that answers: for what is done for everybody and again at the next start. */
  readonly all: (kind: string) => Promise<readonly FoundLookup[]>;
  /** `target`: only those that point to it. */
  readonly remove: (tenantId: TenantId, kind: string, keys: readonly string[], target?: string) => Promise<void>;
};

export function createLookups(
  workers: readonly WorkerDatabase[],
  workerOf: (tenantId: TenantId) => WorkerDatabase,
): Lookups {
  return {
    async find(kind, key) {
      const asked = workers.map((worker) => reaching(findIn(worker, kind, key)));
      // Who has it settles it, whether the others answer or not.
      const found = await Promise.any(asked.map(orReject)).catch(() => null);
      if (found === null) await Promise.all(asked);
      return found;
    },
    async list(kind, page) {
      const lists = await Promise.all(workers.map((worker) => reaching(listIn(worker, kind, page))));
      const [only] = lists;
      if (lists.length === 1 && only !== undefined) return only.map(toFound);
      const all = lists.flat().toSorted((one, other) => (one[page.by] < other[page.by] ? 1 : -1));
      return all.slice(0, page.limit).map(toFound);
    },
    async all(kind) {
      const answers = await Promise.allSettled(
        workers.map((worker) => worker.selectFrom('lookups').select(COLUMNS).where('kind', '=', kind).execute()),
      );
      const answered = answers.filter((answer) => answer.status === 'fulfilled');
      const [failed] = answers.filter((answer) => answer.status === 'rejected');
      if (answered.length === 0 && failed !== undefined) return reaching(Promise.reject(failed.reason));
      return answered.flatMap(({ value }) => value.map(toFound));
    },
    async remove(tenantId, kind, keys, target) {
      if (keys.length === 0) return;
      let query = workerOf(tenantId)
        .deleteFrom('lookups')
        .where('kind', '=', kind)
        .where('key', 'in', [...keys]);
      if (target !== undefined) query = query.where('target', '=', target);
      await reaching(query.execute());
    },
  };
}

type Row = { readonly key: string; readonly tenant_id: string; readonly target: string };

const COLUMNS = ['key', 'tenant_id', 'target'] as const;

const toFound = (row: Row): FoundLookup => ({
  tenantId: idFromUuid('ten', row.tenant_id),
  key: row.key,
  target: row.target,
});

async function findIn(worker: WorkerDatabase, kind: string, key: string): Promise<FoundLookup | null> {
  const row = await worker
    .selectFrom('lookups')
    .select(COLUMNS)
    .where('kind', '=', kind)
    .where('key', '=', key)
    .executeTakeFirst();
  return row === undefined ? null : toFound(row);
}

function listIn(worker: WorkerDatabase, kind: string, page: LookupPage): Promise<Row[]> {
  let query = worker.selectFrom('lookups').select(COLUMNS).where('kind', '=', kind);
  if (page.tenantUuid !== undefined) query = query.where('tenant_id', '=', page.tenantUuid);
  if (page.before !== null) query = query.where(page.by, page.isInclusive === true ? '<=' : '<', page.before);
  return query.orderBy(page.by, 'desc').limit(page.limit).execute();
}

async function orReject(asked: Promise<FoundLookup | null>): Promise<FoundLookup> {
  const found = await asked;
  if (found === null) throw new Error('not here');
  return found;
}

/** Outside of a unit of work nobody else turns a lost database into a 503. */
export async function reaching<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw isUnavailable(error) ? databaseUnavailable(error) : error;
  }
}
