import { randomBytes } from 'node:crypto';
import { appRole, derivePassword } from '@tenantry/databases/credentials.ts';
import { SERVICES_WITH_SCHEMA } from '@tenantry/deploy/migrate/migrate.ts';
import { newUuid } from '@tenantry/kernel/id.ts';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { copyTemplate } from '../support/database.ts';
import { isTenantTable, listTables, type Sql, type Table } from './catalogue.ts';
import { insertStatement, makeRow, type PlantedRow } from './plant-row.ts';

const [A, B] = [newUuid(), newUuid()];
// insufficient_privilege: of a row by its policy, of everything else by missing rights
const REFUSED = '42501';

let database: Awaited<ReturnType<typeof copyTemplate>>;
const planted = new Map<Table, { readonly ofA: PlantedRow; readonly ofB: PlantedRow }>();
const clients = new Map<string, pg.Client>();

beforeAll(async () => {
  database = await copyTemplate(inject('postgresUrl'), `t${randomBytes(5).toString('hex')}`);
  const sql: Sql = database.sql;
  const tables = (await listTables(sql)).filter(isTenantTable);
  const admin = new pg.Client({ connectionString: database.adminUrl });
  admin.on('error', () => undefined); // a failing set-up drops the database under it
  await admin.connect();
  // Which row it is does not matter here, only whose: this copy gives up what a generated row could not satisfy.
  await admin.query('set session_replication_role = replica');
  for (const table of tables) {
    const checks = await sql<{ name: string }>(
      `select conname as name from pg_constraint where contype = 'c' and conrelid = ($1 || '.' || quote_ident($2))::regclass`,
      [table.service, table.name],
    );
    for (const { name } of checks)
      await admin.query(
        `alter table ${table.service}.${pg.escapeIdentifier(table.name)} drop constraint ${pg.escapeIdentifier(name)}`,
      );
    const [ofA, ofB] = [await makeRow(sql, table, A), await makeRow(sql, table, B)];
    for (const row of [ofA, ofB]) await admin.query(insertStatement(table, row), [...row.values]);
    planted.set(table, { ofA, ofB });
  }
  await admin.end();
  for (const service of SERVICES_WITH_SCHEMA) {
    const url = new URL(database.serviceUrl);
    url.username = appRole(service);
    url.password = derivePassword(inject('masterKey'), appRole(service));
    const client = new pg.Client({ connectionString: url.href });
    await client.connect();
    clients.set(service, client);
  }
});
afterAll(async () => {
  await Promise.all([...clients.values()].map((client) => client.end()));
  await database.drop();
});

type Outcome = { readonly rows: readonly unknown[]; readonly count: number } | { readonly refused: string };

/** What the application's role gets, acting as a tenant (or as none); always undone. */
async function attempt(
  table: Table,
  tenant: string | null,
  statement: string,
  values: readonly unknown[] = [],
): Promise<Outcome> {
  const client = clients.get(table.service);
  if (client === undefined) throw new Error(`Nobody is signed in to ${table.service}.`);
  await client.query('begin');
  try {
    if (tenant !== null) await client.query("select set_config('app.tenant_id', $1, true)", [tenant]);
    const { rows, rowCount } = await client.query(statement, [...values]);
    return { rows, count: rowCount ?? 0 };
  } catch (error) {
    if (error instanceof pg.DatabaseError) return { refused: error.code ?? '' };
    throw error;
  } finally {
    await client.query('rollback');
  }
}

const nothing = (outcome: Outcome): boolean =>
  'refused' in outcome ? outcome.refused === REFUSED : outcome.count === 0;

/** Every tenant table, and what is wrong with it; an empty list when nothing is. */
async function faults(check: (table: Table, at: string) => Promise<string | null>): Promise<string[]> {
  const found: string[] = [];
  for (const table of planted.keys()) {
    const at = `${table.service}.${pg.escapeIdentifier(table.name)}`;
    const fault = await check(table, at);
    if (fault !== null) found.push(`${at}: ${fault}`);
  }
  return found;
}

describe("Another tenant's row, in every table of every service", () => {
  it('is there, and its own tenant sees it and only it', async () => {
    expect(planted.size).toBeGreaterThan(20);
    expect(
      await faults(async (table, at) => {
        const seen = await attempt(table, A, `select tenant_id from ${at}`);
        const isRight =
          'rows' in seen && seen.rows.length === 1 && (seen.rows[0] as { tenant_id: string }).tenant_id === A;
        return isRight ? null : JSON.stringify(seen);
      }),
    ).toEqual([]);
  });

  it('is invisible without a tenant, and nothing can be changed or added', async () => {
    expect(
      await faults(async (table, at) => {
        const row = planted.get(table)?.ofA ?? { columns: [], values: [] };
        const outcomes = [
          await attempt(table, null, `select * from ${at}`),
          await attempt(table, null, `update ${at} set tenant_id = tenant_id`),
          await attempt(table, null, `delete from ${at}`),
        ];
        const added = await attempt(table, null, insertStatement(table, row), row.values);
        return outcomes.every(nothing) && 'refused' in added && added.refused === REFUSED
          ? null
          : JSON.stringify([...outcomes, added]);
      }),
    ).toEqual([]);
  });

  it('cannot be seen, counted, locked, changed or deleted, also not by its key', async () => {
    expect(
      await faults(async (table, at) => {
        const outcomes = [
          await attempt(table, B, `select * from ${at} where tenant_id = $1`, [A]),
          await attempt(table, B, `select * from ${at} where tenant_id = $1 for update`, [A]),
          await attempt(table, B, `update ${at} set tenant_id = $2 where tenant_id = $1`, [A, B]),
          await attempt(table, B, `delete from ${at} where tenant_id = $1`, [A]),
        ];
        const counted = await attempt(table, B, `select count(*)::int as n from ${at}`);
        const countsOwn = 'rows' in counted && (counted.rows[0] as { n: number }).n === 1;
        return outcomes.every(nothing) && countsOwn ? null : JSON.stringify([...outcomes, counted]);
      }),
    ).toEqual([]);
  });

  it('cannot be added, nor can one of ours be given away', async () => {
    expect(
      await faults(async (table, at) => {
        const row = planted.get(table)?.ofA ?? { columns: [], values: [] };
        const added = await attempt(table, B, insertStatement(table, row), row.values);
        const given = await attempt(table, B, `update ${at} set tenant_id = $1`, [A]);
        return [added, given].every((outcome) => 'refused' in outcome && outcome.refused === REFUSED)
          ? null
          : JSON.stringify([added, given]);
      }),
    ).toEqual([]);
  });

  it('is not met by a key either: the same ids may be taken by a second tenant', async () => {
    expect(
      await faults(async (table) => {
        const ofA = planted.get(table)?.ofA ?? { columns: [], values: [] };
        const values = ofA.columns.map((column, index) => (column === 'tenant_id' ? newUuid() : ofA.values[index]));
        const third = values[ofA.columns.indexOf('tenant_id')] as string;
        const added = await attempt(table, third, insertStatement(table, ofA), values);
        // 23503: the generated row refers to what this tenant does not have, which proves that it was not found at A's.
        return 'count' in added || added.refused === '23503' ? null : JSON.stringify(added);
      }),
    ).toEqual([]);
  });

  it.each([
    ['switching row-level security off', 'set local row_security = off; select * from AT'],
    ['truncating', 'truncate AT'],
    ['acting as the owner', 'set role SERVICE_owner'],
    ['lifting the policy', 'alter table AT no force row level security'],
    ['dropping the policy', 'drop policy tenant on AT'],
    ['switching triggers off', 'set session_replication_role = replica'],
  ])('is not reached by %s', async (_way, statement) => {
    expect(
      await faults(async (table, at) => {
        const outcome = await attempt(table, B, statement.replace('AT', at).replace('SERVICE', table.service));
        return 'refused' in outcome && outcome.refused === REFUSED ? null : JSON.stringify(outcome);
      }),
    ).toEqual([]);
  });
});

describe("Another service's schema", () => {
  it('is closed to the application role of every other', async () => {
    const open: string[] = [];
    for (const table of planted.keys()) {
      for (const [service, client] of clients) {
        if (service === table.service) continue;
        const refused = await client.query(`select 1 from ${table.service}.${pg.escapeIdentifier(table.name)}`).then(
          () => false,
          (error: unknown) => error instanceof pg.DatabaseError && error.code === '42501',
        );
        if (!refused) open.push(`${service} reads ${table.service}.${table.name}`);
      }
    }
    expect(open).toEqual([]);
  });
});
