import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startClickHouse } from './clickhouse.ts';
import type { EmbeddedServer } from './embedded-server.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenantry-clickhouse-'));
const options = { dataDir: join(folder, 'data'), logFile: join(folder, 'log') };
// The client would print every refusal that a test provokes.
const log = { level: ClickHouseLogLevel.OFF };
let server: EmbeddedServer;
let client: ClickHouseClient;

beforeAll(async () => {
  server = await startClickHouse(options);
  client = createClient({ url: server.url, max_open_connections: 20, log });
}, 60_000);

afterAll(async () => {
  await client?.close();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function rows(query: string, query_params: Record<string, unknown> = {}, settings = {}): Promise<unknown> {
  const result = await client.query({ query, query_params, format: 'JSONEachRow', clickhouse_settings: settings });
  return result.json();
}

const AWKWARD = [
  "it's",
  '"quoted"',
  'back\\slash',
  'two\nlines',
  'tab\there',
  'nul\0\r',
  'snow ☃ 雪',
  '',
  "'; DROP TABLE t; --",
  '{x:String}',
  '\\N',
  '$1',
];

describe('Parameters arrive as they were given', () => {
  it.each(AWKWARD)('the string %j', async (x) => {
    expect(await rows('SELECT {x:String} AS x', { x })).toEqual([{ x }]);
  });

  it('arrays, also nested, of every awkward string', async () => {
    expect(
      await rows('SELECT {x:Array(String)} AS x, {y:Array(Array(String))} AS y', {
        x: AWKWARD,
        y: [AWKWARD, [], ["o'"]],
      }),
    ).toEqual([{ x: AWKWARD, y: [AWKWARD, [], ["o'"]] }]);
  });

  it('numbers to the largest, null, booleans, dates, ids, decimals, maps and table names', async () => {
    await client.command({ query: 'CREATE TABLE named (n UInt8) ENGINE = Memory' });
    const [row] = (await rows(
      `SELECT toString({big:UInt64}) AS big, {none:Nullable(String)} AS none, {yes:Bool} AS yes, toString({at:DateTime64(3)}) AS at,
              {id:UUID} AS id, toString({money:Decimal(18,2)}) AS money, {map:Map(String,String)} AS map, (SELECT count() FROM {table:Identifier}) AS count`,
      {
        ...{ big: '18446744073709551615', none: null, yes: true, at: new Date('2026-11-21T09:30:00.123Z') },
        ...{
          id: '01a200f1-0cdb-75e4-8328-45a0588eeaef',
          money: '12345.67',
          map: new Map([["k'", 'v\n']]),
          table: 'named',
        },
      },
    )) as Record<string, unknown>[];
    expect(row).toMatchObject({
      ...{ big: '18446744073709551615', none: null, yes: true, at: '2026-11-21 09:30:00.123' },
      ...{ id: '01a200f1-0cdb-75e4-8328-45a0588eeaef', money: '12345.67', map: { "k'": 'v\n' } },
    });
    expect(Number(row?.['count'])).toBe(0);
  });
});

describe('Nothing of one request is seen by the next', () => {
  const failsHalfWay = "SELECT number, throwIf(number > 5, 'enough') FROM numbers(10) SETTINGS max_block_size = 1";

  it('rows that a failed statement had already produced', async () => {
    for (let round = 0; round < 10; round += 1) {
      await expect(rows(failsHalfWay)).rejects.toMatchObject({ code: '395' });
      expect(await rows("SELECT 'clean' AS x")).toEqual([{ x: 'clean' }]);
    }
  });

  it('settings, given beside the statement or by SET', async () => {
    const read = "SELECT toString(getSetting('max_block_size')) AS size";
    const [before] = (await rows(read)) as unknown[];
    expect(await rows(read, {}, { max_block_size: '777' })).toEqual([{ size: '777' }]);
    await client.command({ query: 'SET max_block_size = 778' });
    for (let round = 0; round < 10; round += 1) expect(await rows(read)).toEqual([before]);
  });

  it('parameters: one left out is an error, not the value of an earlier request', async () => {
    await rows('SELECT {secret:String} AS x', { secret: 'of another tenant' });
    for (let round = 0; round < 10; round += 1) {
      await expect(rows('SELECT {secret:String} AS x')).rejects.toMatchObject({ code: '456' });
    }
  });

  it('temporary tables and the database of USE', async () => {
    await client.command({ query: 'CREATE DATABASE IF NOT EXISTS other' });
    await client.command({ query: 'CREATE TEMPORARY TABLE passing (n UInt8)' });
    await client.command({ query: 'USE other' });
    expect(await rows('SELECT currentDatabase() AS name')).toEqual([{ name: 'default' }]);
    await expect(rows('SELECT * FROM passing')).rejects.toMatchObject({ code: '60' });
  });
});

describe('Statements', () => {
  it('writes and reads rows, compressed both ways', async () => {
    const packed = createClient({ url: server.url, compression: { request: true, response: true }, log });
    await packed.command({ query: 'CREATE TABLE t (id UInt32, text String) ENGINE = MergeTree ORDER BY id' });
    const values = AWKWARD.map((text, id) => ({ id, text }));
    await packed.insert({ table: 't', values, format: 'JSONEachRow' });
    const result = await packed.query({ query: 'SELECT * FROM t ORDER BY id', format: 'JSONEachRow' });
    expect(await result.json()).toEqual(values);
    await packed.close();
  });

  it('gives typed errors', async () => {
    await expect(rows('SELECT nonsense')).rejects.toMatchObject({ code: '47', type: 'UNKNOWN_IDENTIFIER' });
    await expect(rows('SELECT 1; SELECT 2')).rejects.toMatchObject({ code: '62', type: 'SYNTAX_ERROR' });
    await expect(rows('SELECT 1', {}, { max_threads: 'abc' })).rejects.toThrow();
    await expect(rows('SELECT 1 AS x')).resolves.toEqual([{ x: 1 }]);
  });

  it('answers many at once, each with its own rows, beside a slow one', async () => {
    let slowIsDone = false;
    // As long as ClickHouse lets one block sleep: many times what the others take, also on a busy machine.
    const slow = rows('SELECT sleep(3)').finally(() => {
      slowIsDone = true;
    });
    const answers = await Promise.all(Array.from({ length: 50 }, (_, x) => rows('SELECT {x:UInt32} AS x', { x })));
    expect(answers).toEqual(Array.from({ length: 50 }, (_, x) => [{ x }]));
    expect(slowIsDone).toBe(false);
    await slow;
  });

  it('does not fall over at bytes that are not gzip', async () => {
    const { promise, resolve } = Promise.withResolvers<number | undefined>();
    const sent = request(server.url, { method: 'POST', headers: { 'content-encoding': 'gzip' } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.end(gzipSync('SELECT 1').subarray(4));
    expect(await promise).toBe(500);
    expect(await rows('SELECT 1 AS x')).toEqual([{ x: 1 }]);
  });

  it('keeps rows over a kill and a stop', async () => {
    await client.command({ query: 'CREATE TABLE kept (n UInt32) ENGINE = MergeTree ORDER BY n' });
    await client.command({ query: 'INSERT INTO kept SELECT number FROM numbers(1000)' });
    process.kill(server.pid, 'SIGKILL');
    await server.exited;
    server = await startClickHouse({ ...options, port: server.port });
    expect(await rows('SELECT toUInt32(count()) AS n FROM kept')).toEqual([{ n: 1000 }]);
    await server.stop();
    expect(await server.exited).toEqual({ code: 0, signal: null });
    server = await startClickHouse({ ...options, port: server.port });
    expect(await rows('SELECT toUInt32(count()) AS n FROM kept')).toEqual([{ n: 1000 }]);
  });
});
