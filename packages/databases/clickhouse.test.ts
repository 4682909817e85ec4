import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { newId, type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import { Problem } from '@tenantry/kernel/problem.ts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { type ClickHouseConnection, connectClickHouse } from './clickhouse/connection.ts';
import { type Analytics, analyticsOn, createAnalytics } from './clickhouse.ts';

const url = inject('clickhouseUrl');
const NOTHING_TO_MIGRATE = new URL('./clickhouse/', import.meta.url);
const databaseName = () => `test_${randomBytes(5).toString('hex')}`;

describe('Analytics without a ClickHouse', () => {
  it('answer 503 and when to come back, whatever is asked', async () => {
    const away = createAnalytics({ url: 'http://127.0.0.1:1', database: 'x' });
    const calls = [
      away.migrate(NOTHING_TO_MIGRATE),
      away.forTenant(newId('ten')).insert('t', [{ a: 1 }]),
      away.forTenant(newId('ten')).query('select {tenant:UUID}'),
    ];
    for (const error of await Promise.all(calls.map((call) => call.catch((reason: unknown) => reason)))) {
      expect(error).toBeInstanceOf(Problem);
      expect(error).toMatchObject({ kind: { code: 'upstream-unavailable' }, retryAfterSeconds: 5 });
    }
    expect(await away.ping()).toBe(false);
    await away.close();
  });
});

describe.skipIf(url === '')('Analytics of a tenant', () => {
  const [database, foreign] = [databaseName(), databaseName()];
  const [mine, other] = [newId('ten'), newId('ten')];
  let connection: ClickHouseConnection;
  let analytics: Analytics;
  const insert = (tenantId: TenantId, amount: string, note = '', id = uuidOf(newId('evt'))) =>
    analytics.forTenant(tenantId).insert('usage', [{ id, amount, note }]);
  beforeAll(async () => {
    connection = connectClickHouse({ url, database });
    analytics = analyticsOn(connection);
    await connection.createDatabase();
    await connection.createDatabase();
    await connection.command(`
      create table usage (tenant_id UUID, id UUID, amount Int64, note String)
      engine = ReplacingMergeTree order by (tenant_id, id)`);
    await connection.command('create view all_usage as select * from usage');
    await connection.command('create database {name:Identifier}', { name: foreign });
    await connection.command(`create table ${foreign}.usage as usage`);
    await connection.command(`insert into ${foreign}.usage select {t:UUID}, {t:UUID}, 1, ''`, { t: uuidOf(other) });
    await insert(mine, '9007199254740993', "it's \\ {tenant:UUID}\n");
    await insert(other, '2', 'secret');
  });
  afterAll(async () => {
    await connection.command(`drop database ${foreign}`);
    await connection.command(`drop database ${database}`);
    await connection.close();
  });

  it('refuse a query that does not name its tenant, before it is sent', async () => {
    for (const statement of ['select 1', 'select * from usage where tenant = {tenant:String}', 'select {tenants:UUID}'])
      await expect(analytics.forTenant(mine).query(statement)).rejects.toThrow('must filter by {tenant:UUID}');
  });

  it('count a batch that was inserted twice once, and show each tenant its own', async () => {
    const tenantId = newId('ten');
    const id = uuidOf(newId('evt'));
    for (let time = 0; time < 2; time++) await insert(tenantId, '5', '', id);
    await analytics.forTenant(tenantId).insert('usage', []);
    const statement =
      'select toString(sum(amount)) as total, any(note) as note from usage final where tenant_id = {tenant: UUID} and amount >= {least:Int64}';
    const ask = (of: TenantId, more = {}) => analytics.forTenant(of).query(statement, { least: 1, ...more });
    expect(await ask(tenantId)).toEqual([{ total: '5', note: '' }]);
    expect(await ask(mine)).toEqual([{ total: '9007199254740993', note: "it's \\ {tenant:UUID}\n" }]);
    expect(await ask(other, { tenant: uuidOf(mine) })).toEqual([{ total: '2', note: 'secret' }]);
  });

  it('write rows as their own, whatever the rows say', async () => {
    const [tenantId, victim] = [newId('ten'), newId('ten')];
    const row = { tenant_id: uuidOf(victim), id: uuidOf(newId('evt')), amount: '1', note: '' };
    await analytics.forTenant(tenantId).insert('usage', [row]);
    const count = (of: TenantId) =>
      analytics.forTenant(of).query('select toString(count()) as n from usage where tenant_id = {tenant:UUID}');
    expect([await count(tenantId), await count(victim)]).toEqual([[{ n: '1' }], [{ n: '0' }]]);
  });

  // The name of the tenant is in each of them, and filters nothing.
  it.each([
    'select note from usage where {tenant:UUID} = {tenant:UUID}',
    'select note from usage final where tenant_id = {tenant:UUID} or 1 = 1',
    'select b.note as note from usage as a join usage as b on 1 = 1 where a.tenant_id = {tenant:UUID}',
    'select note from (select * from usage) where tenant_id = {tenant:UUID} union all select note from usage',
    'with x as (select note from usage) select note from x, (select {tenant:UUID}) as y',
    'select arrayJoin((select groupArray(note) from usage)) as note, {tenant:UUID}',
    `select note from ${'usage'} where note in (select note from usage) or {tenant:UUID} is null`,
    `select note from ${database}.usage where {tenant:UUID} is not null`,
  ])('add the filter that was forgotten: %s', async (statement) => {
    const rows = await analytics.forTenant(mine).query<{ note: string }>(statement);
    expect(new Set(rows.map(({ note }) => note))).toEqual(new Set(["it's \\ {tenant:UUID}\n"]));
  });

  it.each([
    ["select note from merge(currentDatabase(), 'usage') where {tenant:UUID} is not null", 'not merge'],
    ["select (select any(note) from merge(currentDatabase(), 'usage')), {tenant:UUID}", 'not merge'],
    ["select 'secret' in (select note from merge(currentDatabase(), 'usage')), {tenant:UUID}", 'not merge'],
    ["select if(1 = 1, 1, (select count() from merge(currentDatabase(), 'usage'))), {tenant:UUID}", 'not merge'],
    ["select * from mergeTreeIndex(currentDatabase(), 'usage') where {tenant:UUID} is not null", 'not mergeTreeIndex'],
    ['select note from all_usage where tenant_id = {tenant:UUID}', 'all_usage'],
    [`select note from ${foreign}.usage where {tenant:UUID} is not null`, `not ${foreign}.usage`],
    [
      `select count() from usage where tenant_id = {tenant:UUID} and 1 in (select amount from ${foreign}.usage)`,
      foreign,
    ],
    [`select exists(select 1 from ${foreign}.usage), {tenant:UUID}`, foreign],
    ['select name from system.databases where {tenant:UUID} is not null', 'not system.databases'],
    ['select * from {table:Identifier} where tenant_id = {tenant:UUID}', 'must name its tables itself'],
    ['select note from usage where {tenant:UUID} is not null settings additional_table_filters = {}', 'readonly'],
    ["insert into usage (note) select 'x' where {tenant:UUID} is not null", 'Syntax error'],
    ["select * from url('http://127.0.0.1:1/', 'CSV', 'a String') where {tenant:UUID} is not null", 'readonly'],
  ])('refuse what the filter does not reach: %s', async (statement, message) => {
    const ask = () => analytics.forTenant(mine).query(statement, { table: 'usage' });
    await expect(ask()).rejects.toThrow(message);
    await expect(ask()).rejects.toThrow(message); // nothing remembers it as harmless
  });

  it("pass on what is the statement's own fault, which trying again would not mend", async () => {
    const error = await analytics
      .forTenant(mine)
      .query('select nothing_like_it, {tenant:UUID}')
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(Problem);
    expect(await analytics.ping()).toBe(true);
  });

  it('end a statement that takes too long as unavailable, which it may not be later', async () => {
    const error = await connection
      .select('select count() from numbers(1000000000000) where sipHash64(number) = 1', {}, { max_execution_time: 0.1 })
      .catch((e: unknown) => e);
    expect(error).toMatchObject({ kind: { code: 'upstream-unavailable' } });
  });
});

describe.skipIf(url === '')('Migrations of ClickHouse', () => {
  let folder: string;
  let connection: ClickHouseConnection;
  let analytics: Analytics;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tenantry-analytics-'));
    connection = connectClickHouse({ url, database: databaseName() });
    await connection.createDatabase();
    analytics = analyticsOn(connection);
  });
  afterEach(async () => {
    await connection.command(`drop database if exists ${connection.database}`);
    await connection.close();
    await rm(folder, { recursive: true });
  });
  const write = (name: string, text: string) => writeFile(join(folder, name), text);
  const migrate = () => analytics.migrate(pathToFileURL(`${folder}/`));
  const applied = () =>
    connection.select('select name, checksum, toString(applied_at) as at from migrations final order by name');
  const columns = async () =>
    (
      await connection.select<{ name: string }>(
        "select name from system.columns where database = currentDatabase() and table = 'a' order by name",
      )
    ).map(({ name }) => name);
  const A =
    '-- Why.\ncreate table if not exists a (tenant_id UUID, n Int64) engine = MergeTree order by (tenant_id, n);\n';

  it('are applied once, in order, and a new file is all that is added', async () => {
    await write('0001_a.sql', A);
    await migrate();
    const first = await applied();
    expect(first).toHaveLength(1);
    await migrate();
    expect(await applied()).toEqual(first);
    await write('0002_more.sql', 'alter table a add column if not exists more String');
    await migrate();
    expect((await applied()).slice(0, 1)).toEqual(first);
    expect(await columns()).toEqual(['more', 'n', 'tenant_id']);
    // The release before, started again on the newer tables.
    await rm(join(folder, '0002_more.sql'));
    await migrate();
    expect(await columns()).toEqual(['more', 'n', 'tenant_id']);
  });

  it('are refused when a file was changed afterwards, before any is applied', async () => {
    await write('0001_a.sql', A);
    await migrate();
    await write('0000_b.sql', A.replace('exists a', 'exists b'));
    await write('0001_a.sql', `${A} `);
    await expect(migrate()).rejects.toThrow('0001_a.sql was changed after it had been applied. Write a new file');
    expect(await applied()).toHaveLength(1);
  });

  it('end the same when a process dies before it notes a file, and when several begin at one instant', async () => {
    await write('0001_a.sql', A);
    await write('0002_more.sql', 'alter table a add column if not exists more String');
    await Promise.all([migrate(), migrate(), migrate()]);
    await analytics.forTenant(newId('ten')).insert('a', [{ n: 1 }]);
    await connection.command('truncate table migrations');
    await migrate();
    expect(await applied()).toHaveLength(2);
    expect(await connection.select('select toString(count()) as n from a')).toEqual([{ n: '1' }]);
  });

  it.each([
    ['create table a (tenant_id UUID) engine = MergeTree order by tenant_id', 'could not be run twice'],
    ['alter table a add column more String', 'could not be run twice'],
    [
      'create table if not exists a (n Int64) engine = MergeTree order by n',
      'must be a MergeTree ordered by tenant_id',
    ],
    [
      'create table if not exists a (tenant_id UUID, n Int64) engine = MergeTree order by (n, tenant_id)',
      'must be a MergeTree ordered by tenant_id',
    ],
    ['create table if not exists a (tenant_id UUID) engine = Memory', 'must be a MergeTree ordered by tenant_id'],
  ])('are refused when they could hurt: %s', async (text, message) => {
    await write('0001_a.sql', text);
    await expect(migrate()).rejects.toThrow(message);
  });
});
