import pg from 'pg';
import { applyMigrations } from './apply-migrations.ts';
import { migrationFiles } from './migration-files.ts';
import { prepareSchema } from './prepare-schema.ts';

/** The services that own a schema. */
export const SERVICES_WITH_SCHEMA = ['users', 'subscriptions', 'payments', 'notifications', 'billing'] as const;

// Any number will do as long as nothing else on this server uses it.
const LOCK = 7_426_001;

/**
 * Brings every service's schema to its newest version: database, roles, schema, plain SQL files, in order, each in a
 * transaction, forward only. Safe to run twice and from two places at once.
 * @param options.adminUrl of the database to migrate, as a superuser
 * @param options.servicesFolder where the services' `migrations/` folders are; this checkout's unless said
 */
export async function migrateAll(options: {
  adminUrl: string;
  masterKey: string;
  servicesFolder?: URL;
}): Promise<void> {
  const target = new URL(options.adminUrl);
  const maintenance = new URL(options.adminUrl);
  maintenance.pathname = '/postgres';
  // The lock is taken where every migration of this server takes it: an advisory lock belongs to one database, roles
  // belong to all, and two sessions that alter one role at the same time fail.
  await withClient(maintenance, async (server) => {
    await server.query('select pg_advisory_lock($1)', [LOCK]);
    await ensureDatabase(server, decodeURIComponent(target.pathname.slice(1)));
    await withClient(target, async (client) => {
      for (const service of SERVICES_WITH_SCHEMA) {
        await prepareSchema(client, service, options.masterKey);
        await applyMigrations(client, service, await migrationFiles(service, options.servicesFolder));
      }
    });
  });
}

async function withClient(url: URL, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: url.href });
  // Whoever waits for an answer is told by a rejection; without a listener pg would end the process as well.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await work(client);
  } finally {
    await client.end();
  }
}

async function ensureDatabase(server: pg.Client, name: string): Promise<void> {
  const { rowCount } = await server.query('select 1 from pg_database where datname = $1', [name]);
  if (rowCount === 0) await server.query(`create database ${pg.escapeIdentifier(name)}`);
}
