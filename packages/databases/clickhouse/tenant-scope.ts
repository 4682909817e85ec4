import { type ClickHouseSettings, SettingsMap } from '@clickhouse/client';
import { type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import type { CallMeter } from '../database-calls.ts';
import { type AnalyticsRow, analyticsOutcome, type ClickHouseConnection, type Parameters } from './connection.ts';

/** The rows of one tenant. What is asked names no tenant of its own: `{tenant:UUID}` is bound here. */
export type TenantAnalytics = {
  /** Their `tenant_id` is this tenant's. Rows of a table whose engine drops copies: inserting them twice is harmless. */
  readonly insert: (table: string, rows: readonly AnalyticsRow[]) => Promise<void>;
  readonly query: <Row>(statement: string, parameters?: Parameters) => Promise<Row[]>;
};

export type TenantScope = {
  readonly forTenant: (tenantId: TenantId) => TenantAnalytics;
  /** There may be tables that there were not before. */
  readonly forgetTables: () => void;
};

const TENANT_PARAMETER = /\{\s*tenant\s*:\s*UUID\s*\}/;
const IDENTIFIER_PARAMETER = /:\s*Identifier\s*\}/;

/** Of the engine's account of a statement: the tables that it reads, and functions that would read some. */
const SOURCE = /\b(TABLE|TABLE_FUNCTION) id: \d+,.*?\b(?:table_name|table_function_name): ([^\s,]+)/;
/** Statements are written in code, so there are few; whoever builds them of data pays with one more question each. */
const MOST_CLEARED = 500;
/** What a SELECT without FROM reads. */
const NOTHING = 'system.one';

/**
 * Three things keep tenants apart, each by itself where it can:
 * 1. `additional_table_filters` makes the engine add the tenant to every reading of every table, whatever the statement
 *    says, in sub-queries, joins and views too; `readonly = 1` keeps the statement from taking that back.
 * 2. What the filter does not reach — table functions such as merge(), tables of other databases — is refused after the
 *    engine has told which tables the statement reads; asked once per statement.
 * 3. A statement that does not name its tenant is refused before it is sent: it was forgotten.
 */
export function createTenantScope(
  connection: ClickHouseConnection,
  meters: { readonly queries: CallMeter; readonly inserts: CallMeter },
): TenantScope {
  let tables: Promise<readonly string[]> | null = null;
  const cleared = new Set<string>();

  const tablesHere = async (): Promise<readonly string[]> => {
    tables ??= connection
      .select<{ name: string }>(
        "select name from system.tables where database = currentDatabase() and engine like '%MergeTree' and name <> 'migrations'",
      )
      .then((rows) => rows.map(({ name }) => `${connection.database}.${name}`));
    try {
      return await tables;
    } catch (error) {
      tables = null;
      throw error;
    }
  };

  const assertCleared = async (
    statement: string,
    parameters: Parameters,
    settings: ClickHouseSettings,
    known: readonly string[],
  ) => {
    if (cleared.has(statement)) return;
    const lines = await connection.select<{ explain: string }>(`explain query tree ${statement}`, parameters, settings);
    for (const { explain } of lines) {
      const source = SOURCE.exec(explain);
      if (source === null) continue;
      const [, kind, name = ''] = source;
      if (kind === 'TABLE' && (name === NOTHING || known.includes(name))) continue;
      throw new Error(`An analytics query reads its service's tables only, not ${name}.`);
    }
    if (cleared.size >= MOST_CLEARED) cleared.clear();
    cleared.add(statement);
  };

  const query = async <Row>(tenant: string, statement: string, given: Parameters): Promise<Row[]> => {
    if (!TENANT_PARAMETER.test(statement)) throw new Error('An analytics query must filter by {tenant:UUID}.');
    if (IDENTIFIER_PARAMETER.test(statement)) throw new Error('An analytics query must name its tables itself.');
    const known = await tablesHere();
    const parameters = { ...given, tenant };
    const settings = onlyOf(tenant, known);
    await assertCleared(statement, parameters, settings, known);
    return connection.select<Row>(statement, parameters, settings);
  };

  const forTenant = (tenantId: TenantId): TenantAnalytics => {
    const tenant = uuidOf(tenantId);
    return {
      insert: (table, rows) =>
        meters.inserts.measure(tenantId, analyticsOutcome, () =>
          connection.insert(
            table,
            rows.map((row) => ({ ...row, tenant_id: tenant })),
          ),
        ),
      query: <Row>(statement: string, given: Parameters = {}) =>
        meters.queries.measure(tenantId, analyticsOutcome, () => query<Row>(tenant, statement, given)),
    };
  };
  return {
    forTenant,
    forgetTables() {
      tables = null;
    },
  };
}

const onlyOf = (tenantUuid: string, tables: readonly string[]): ClickHouseSettings => {
  // The client puts a map between quotes as it is.
  const condition = `tenant_id = toUUID(\\'${tenantUuid}\\')`;
  return {
    additional_table_filters: SettingsMap.from(Object.fromEntries(tables.map((table) => [table, condition]))),
    readonly: '1',
  };
};
