import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AnalyticsUnavailable, startClickHouse } from '@tenantry/deploy/embedded/clickhouse.ts';
import type { EmbeddedServer } from '@tenantry/deploy/embedded/embedded-server.ts';
import { startNats } from '@tenantry/deploy/embedded/nats.ts';
import { startPostgres } from '@tenantry/deploy/embedded/postgres.ts';
import { startRedis } from '@tenantry/deploy/embedded/redis.ts';
import { migrateAll } from '@tenantry/deploy/migrate/migrate.ts';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The superuser's, with its password; database `postgres`. */
    readonly postgresUrl: string;
    readonly redisUrl: string;
    readonly natsUrl: string;
    /** Empty where this machine cannot run the engine. */
    readonly clickhouseUrl: string;
    /** 64 hex digits; the passwords of the roles in the template database come from it. */
    readonly masterKey: string;
  }
}

/** Migrated once per run; every test file copies it. */
const TEMPLATE_DATABASE = 'tenantry_template';
const MASTER_KEY = 'ab'.repeat(32);

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** One PostgreSQL, Redis, NATS and ClickHouse engine for the whole run, in a folder that goes with it. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'tenantry-tests-'));
  const started: EmbeddedServer[] = [];
  const teardown = async (): Promise<void> => {
    await Promise.all(started.map((server) => server.stop()));
    rmSync(folder, { recursive: true, force: true });
  };
  const keep = (server: EmbeddedServer): string => {
    started.push(server);
    return server.url;
  };
  const at = (name: string) => ({
    dataDir: join(folder, name),
    logFile: join(folder, `${name}.log`),
    tuning: 'fast' as const,
    serversDir: process.env['TENANTRY_SERVERS_DIR'] ?? join(ROOT, '.tenantry', 'servers'),
    say: (sentence: string) => console.error(sentence),
  });
  const stores = await Promise.allSettled([
    startPostgres(at('postgres')).then(keep),
    startRedis(at('redis')).then(keep),
    startNats(at('nats')).then(keep),
    startClickHouse(at('clickhouse')).then(keep, sayUnavailable),
  ]);
  try {
    const [postgresUrl, redisUrl, natsUrl, clickhouseUrl] = stores.map(urlOf);
    await prepareTemplate(postgresUrl ?? '');
    project.provide('postgresUrl', postgresUrl ?? '');
    project.provide('redisUrl', redisUrl ?? '');
    project.provide('natsUrl', natsUrl ?? '');
    project.provide('clickhouseUrl', clickhouseUrl ?? '');
    project.provide('masterKey', MASTER_KEY);
  } catch (cause) {
    await teardown();
    throw cause;
  }
  return teardown;
}

function urlOf(store: PromiseSettledResult<string>): string {
  if (store.status === 'rejected') throw store.reason;
  return store.value;
}

function sayUnavailable(cause: unknown): string {
  if (!(cause instanceof AnalyticsUnavailable)) throw cause;
  console.error(cause.message);
  return '';
}

/** Makes the template database and brings it to its newest version. */
async function prepareTemplate(postgresUrl: string): Promise<void> {
  const adminUrl = new URL(postgresUrl);
  adminUrl.pathname = `/${TEMPLATE_DATABASE}`;
  await migrateAll({ adminUrl: adminUrl.href, masterKey: MASTER_KEY });
}
