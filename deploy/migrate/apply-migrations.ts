import { appRole, ownerRole, workerRole } from '@tenantry/databases/credentials.ts';
import type pg from 'pg';
import type { MigrationFile } from './migration-files.ts';

/** Applies what `migrations` does not name yet, each file in a transaction of its own, as the schema's owner. */
export async function applyMigrations(
  client: pg.Client,
  service: string,
  files: readonly MigrationFile[],
): Promise<void> {
  const { rows } = await client.query<{ name: string; checksum: string }>(
    `select name, checksum from ${service}.migrations`,
  );
  const applied = new Map(rows.map((row) => [row.name, row.checksum]));
  for (const { name, checksum } of files)
    if (applied.has(name) && applied.get(name) !== checksum)
      throw new Error(`Migration ${name} was changed after it had been applied. Write a new file instead.`);
  for (const file of files) if (!applied.has(file.name)) await applyFile(client, service, file);
}

async function applyFile(client: pg.Client, service: string, file: MigrationFile): Promise<void> {
  try {
    await client.query('begin');
    await client.query(`
      set local role ${ownerRole(service)};
      set local search_path = ${service};
      set local tenantry.app_role = '${appRole(service)}';
      set local tenantry.worker_role = '${workerRole(service)}';
    `);
    await client.query(file.text);
    await client.query(`insert into ${service}.migrations (name, checksum) values ($1, $2)`, [
      file.name,
      file.checksum,
    ]);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => undefined); // a lost connection has rolled back by itself
    throw new Error(`Migration ${file.name} failed: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}
