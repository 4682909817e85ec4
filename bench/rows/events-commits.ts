import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { appRole, derivePassword } from '@tenantry/databases/credentials.ts';
import { createPool } from '@tenantry/databases/postgres/pools.ts';
import { startPostgres } from '@tenantry/deploy/embedded/postgres.ts';
import { migrateAll } from '@tenantry/deploy/migrate/migrate.ts';
import pg from 'pg';
import { summarize } from '../statistics.ts';
import type { Row } from '../table.ts';

const MASTER_KEY = 'be'.repeat(32);
const CONNECTIONS = 10;
const SLICE_MS = 1_500;
const CYCLES = 5;

/** The trigger that the outbox had until foundation/0005, on a table that is otherwise the same. */
const WITH_NOTIFY = `
  set search_path = users;
  create table notifying_outbox (like outbox including all);
  create function notify_worker() returns trigger language plpgsql as
    $$ begin perform pg_notify('users_outbox', ''); return null; end $$;
  create trigger notify after insert on notifying_outbox for each statement execute function notify_worker();
  grant insert on notifying_outbox to users_app;
`;
const insertInto = (table: string) => `
  insert into ${table} (id, tenant_id, aggregatetype, aggregateid, aggregateversion, type, payload, traceparent, occurred_at)
  values (gen_random_uuid(), gen_random_uuid(), 'users.bench', 'bnc', 1, 'users.bench.ticked.v1', '{"index":1}', '', now())`;

/**
 * Commits per second at ten connections that do nothing else: each tells one fact. In turn with it the same with a NOTIFY in
 * the transaction, for which PostgreSQL holds one lock of the whole server until the commit is flushed, and an inbox row
 * that wakes nobody. On the machine's disk, for the flush is what waits behind that lock.
 */
export async function eventCommitRows(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'tenantry-bench-'));
  const server = await startPostgres({ dataDir: join(folder, 'postgres'), logFile: join(folder, 'postgres.log') });
  const url = new URL(server.url);
  url.pathname = '/tenantry';
  await migrateAll({ adminUrl: url.href, masterKey: MASTER_KEY });
  const admin = new pg.Client({ connectionString: url.href });
  const user = appRole('users');
  const password = derivePassword(MASTER_KEY, user);
  const pool = createPool({ url: url.href, user, password, schema: 'users', max: CONNECTIONS, onError: console.error });
  try {
    await admin.connect();
    await admin.query(WITH_NOTIFY);
    const { rows } = await admin.query<{ name: string; setting: string }>(
      "select name, setting from pg_settings where name in ('fsync', 'synchronous_commit') order by name",
    );
    const contestants = {
      told: insertInto('outbox'),
      notified: insertInto('notifying_outbox'),
      plain: "insert into inbox values ('bench', gen_random_uuid(), now())",
    };
    const rates = { told: [] as number[], notified: [] as number[], plain: [] as number[] };
    for (let cycle = -1; cycle < CYCLES; cycle++)
      for (const name of ['told', 'notified', 'plain'] as const) {
        await admin.query('truncate outbox, notifying_outbox, inbox');
        const rate = await commitsPerSecond(pool, contestants[name], name);
        if (cycle >= 0) rates[name].push(rate);
      }
    return toRows(rates, rows.map(({ name, setting }) => `${name} = ${setting}`).join(', '));
  } finally {
    await Promise.all([pool.end(), admin.end()]);
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function commitsPerSecond(pool: pg.Pool, text: string, name: string): Promise<number> {
  const startMs = performance.now();
  let commits = 0;
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      const client = await pool.connect();
      while (performance.now() - startMs < SLICE_MS) {
        await client.query({ name, text });
        commits++;
      }
      client.release();
    }),
  );
  return (commits * 1_000) / (performance.now() - startMs);
}

function toRows(rates: Readonly<Record<'told' | 'notified' | 'plain', number[]>>, settings: string): Row[] {
  const [told, notified, plain] = [summarize(rates.told), summarize(rates.notified), summarize(rates.plain)];
  const row = (what: string, ratio: string): Row => ({ what, p50: '-', p99: '-', ratio, budget: '-' });
  return [
    row(
      `Commits that tell a fact: ${Math.round(told.p50)}/s at ${CONNECTIONS} connections (${settings})`,
      `${(told.p50 / plain.p50).toFixed(2)} x a commit that wakes nobody (${Math.round(plain.p50)}/s); asked: >= 0.8`,
    ),
    row(
      `The same with NOTIFY in the transaction, as it was: ${Math.round(notified.p50)}/s`,
      `${(told.p50 / notified.p50).toFixed(2)} x as many without it`,
    ),
  ];
}
