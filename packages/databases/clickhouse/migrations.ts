import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import type { ClickHouseConnection } from './connection.ts';

export type AnalyticsMigration = {
  readonly name: string;
  readonly text: string;
  /** SHA-256 of the text. */
  readonly checksum: string;
};

/** The files of a folder, in the order of their names. */
export async function readAnalyticsMigrations(folder: URL): Promise<readonly AnalyticsMigration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).toSorted();
  return Promise.all(
    names.map(async (name) => {
      const text = await readFile(new URL(name, folder), 'utf8');
      return { name, text, checksum: createHash('sha256').update(text).digest('hex') };
    }),
  );
}

const APPLIED = `
  create table if not exists migrations (name String, checksum String, applied_at DateTime64(3, 'UTC'))
  engine = ReplacingMergeTree order by name`;

/**
 * ClickHouse has neither transactions nor locks around its DDL, so a file is one statement that does no harm when it is
 * run again: after a crash before it was noted, or by two processes at the same moment.
 */
const REPEATABLE = [
  /^create (table|materialized view) if not exists /,
  /^drop (table|view) if exists /,
  /^alter table \w+ (add (column|index|projection) if not exists|drop (column|index|projection) if exists) /,
  /^alter table \w+ modify (column|setting|ttl) /,
];

/** Brings the database to the newest version, forward only. What a newer release has applied is left alone. */
export async function migrateClickHouse(
  connection: ClickHouseConnection,
  migrations: readonly AnalyticsMigration[],
): Promise<void> {
  for (const { name, text } of migrations) assertRepeatable(name, text);
  await connection.createDatabase();
  await connection.command(APPLIED);
  const rows = await connection.select<{ name: string; checksum: string }>(
    'select name, checksum from migrations final',
  );
  const applied = new Map(rows.map((row) => [row.name, row.checksum]));
  for (const { name, checksum } of migrations)
    if (applied.has(name) && applied.get(name) !== checksum)
      throw new Error(`Analytics migration ${name} was changed after it had been applied. Write a new file instead.`);
  for (const migration of migrations) if (!applied.has(migration.name)) await apply(connection, migration);
  await assertTenantTables(connection);
}

async function apply(connection: ClickHouseConnection, { name, text, checksum }: AnalyticsMigration): Promise<void> {
  await connection.command(text);
  const now = Temporal.Now.instant().toString({ smallestUnit: 'millisecond' });
  await connection.insert('migrations', [{ name, checksum, applied_at: now.replace('T', ' ').replace('Z', '') }]);
}

function assertRepeatable(name: string, text: string): void {
  const statement = text
    .replaceAll(/--[^\n]*/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim()
    .toLowerCase();
  if (!REPEATABLE.some((form) => form.test(statement)))
    throw new Error(`Analytics migration ${name} could not be run twice: write it as "… if (not) exists" or "modify".`);
}

/** A table that is not ordered by its tenant would be read whole for each of them, and one without could not be filtered. */
async function assertTenantTables(connection: ClickHouseConnection): Promise<void> {
  const [stray] = await connection.select<{ name: string }>(`
    select name from system.tables as t
    where database = currentDatabase() and name <> 'migrations' and engine <> 'MaterializedView'
      and not (engine like '%MergeTree' and (sorting_key = 'tenant_id' or sorting_key like 'tenant_id, %')
        and exists (
          select 1 from system.columns as c
          where c.database = t.database and c.table = t.name and c.name = 'tenant_id' and c.type = 'UUID'))`);
  if (stray !== undefined)
    throw new Error(`Analytics table ${stray.name} must be a MergeTree ordered by tenant_id first, a UUID.`);
}
