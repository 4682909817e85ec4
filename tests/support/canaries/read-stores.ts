import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deriveNatsToken, deriveRedisPassword } from '@tenantry/databases/credentials.ts';
import { createQueueConnection } from '@tenantry/databases/redis.ts';
import { connectNats } from '@tenantry/events/nats.ts';
import pg from 'pg';
import type { Piece } from './find-canaries.ts';

/** Where the stores of a launched system listen, and what only somebody with its data folder knows. */
export type Stores = {
  readonly postgresUrl: string;
  readonly redisUrl: string;
  readonly natsUrl: string;
  readonly natsToken: string;
  readonly clickhouseUrl: string;
  readonly postgresPassword: string;
  readonly masterKey: string;
};

export function storesOf(dataDir: string, masterKey: string): Stores {
  const read = (name: string): string => readFileSync(join(dataDir, name), 'utf8').trim();
  const ports = JSON.parse(read('ports.json')) as Record<'postgresql' | 'redis' | 'nats' | 'clickhouse', number>;
  const postgresPassword = read('postgresql.password');
  return {
    masterKey,
    postgresPassword,
    postgresUrl: `postgres://postgres:${postgresPassword}@127.0.0.1:${ports.postgresql}/tenantry`,
    redisUrl: `redis://:${deriveRedisPassword(masterKey)}@127.0.0.1:${ports.redis}`,
    natsUrl: `nats://127.0.0.1:${ports.nats}`,
    natsToken: deriveNatsToken(masterKey),
    clickhouseUrl: `http://127.0.0.1:${ports.clickhouse}`,
  };
}

export async function withPostgres<T>(stores: Stores, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: stores.postgresUrl });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Every column of every row of every table, and what the server shows of its sessions. */
export const readPostgres = (stores: Stores): Promise<readonly Piece[]> =>
  withPostgres(stores, async (client) => {
    const tables = await client.query<{ schema: string; name: string }>(
      `select table_schema as schema, table_name as name from information_schema.tables
       where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')`,
    );
    const pieces: Piece[] = [];
    const read = async (name: string, from: string): Promise<void> => {
      const { rows } = await client.query<{ row: Record<string, unknown> }>(`select to_jsonb(t) as row from ${from} t`);
      const columns = new Map<string, string[]>();
      for (const { row } of rows)
        for (const [column, value] of Object.entries(row))
          columns.set(column, [
            ...(columns.get(column) ?? []),
            typeof value === 'string' ? value : JSON.stringify(value),
          ]);
      for (const [column, values] of columns)
        pieces.push({ place: `PostgreSQL ${name}.${column}`, content: values.join('\n') });
    };
    for (const { schema, name } of tables.rows) await read(`${schema}.${name}`, `"${schema}"."${name}"`);
    await read(
      'pg_stat_activity',
      '(select query, application_name from pg_stat_activity where pid <> pg_backend_pid())',
    );
    return pieces;
  });

/** Every key and what it holds. */
export async function readRedis(stores: Stores): Promise<readonly Piece[]> {
  const redis = createQueueConnection({ url: stores.redisUrl, isWorker: true, onError: () => undefined });
  try {
    const pieces: Piece[] = [];
    for (const key of await redis.keys('*')) {
      const value = await readRedisValue(redis, key);
      // Of a key what is the same for all tenants and things, so that a place has a name.
      pieces.push({ place: `Redis ${key.replaceAll(/[0-9a-z]{20,}/g, '…')}`, content: `${key}\n${value}` });
    }
    return pieces;
  } finally {
    redis.disconnect();
  }
}

async function readRedisValue(redis: ReturnType<typeof createQueueConnection>, key: string): Promise<string> {
  switch (await redis.type(key)) {
    case 'string':
      return (await redis.get(key)) ?? '';
    case 'hash':
      return JSON.stringify(await redis.hgetall(key));
    case 'list':
      return JSON.stringify(await redis.lrange(key, 0, -1));
    case 'set':
      return JSON.stringify(await redis.smembers(key));
    case 'zset':
      return JSON.stringify(await redis.zrange(key, '0', '-1'));
    case 'stream':
      return JSON.stringify(await redis.xrange(key, '-', '+'));
    case 'none':
      return '';
    default:
      throw new TypeError(`Nobody has said how ${key} is read.`);
  }
}

/** Every message that is kept, with its subject and headers; buckets are streams too. */
export async function readNats(stores: Stores): Promise<readonly Piece[]> {
  const nats = await connectNats({ url: stores.natsUrl, token: stores.natsToken, name: 'canaries', namespace: '' });
  try {
    const pieces: Piece[] = [];
    for await (const { config, state } of nats.manager.streams.list()) {
      if (state.messages === 0) continue;
      const consumer = await nats.jetstream.consumers.get(config.name);
      const contents: Uint8Array[] = [];
      // What is too old may go meanwhile: then fewer come, and the wait for the rest ends by itself.
      for (let left = state.messages; left > 0; ) {
        let came = 0;
        for await (const message of await consumer.fetch({ max_messages: Math.min(left, 500), expires: 2_000 })) {
          const headers = [...(message.headers ?? [])].map(([name, values]) => `${name}: ${values.join(', ')}\n`);
          contents.push(Buffer.from(`\n${message.subject}\n${headers.join('')}`), message.data);
          came += 1;
        }
        left = came === 0 ? 0 : left - came;
      }
      pieces.push({ place: `NATS ${config.name}`, content: Buffer.concat(contents) });
    }
    return pieces;
  } finally {
    await nats.close();
  }
}

/** Every row of every table. */
export async function readClickHouse(stores: Stores): Promise<readonly Piece[]> {
  const ask = async (statement: string): Promise<string> => {
    const answer = await fetch(stores.clickhouseUrl, { method: 'POST', body: statement });
    const text = await answer.text();
    if (!answer.ok) throw new Error(text);
    return text;
  };
  const tables = await ask(
    `select database, name from system.tables where lower(database) not in ('system', 'information_schema') format TSV`,
  );
  const pieces: Piece[] = [];
  for (const line of tables.trim().split('\n')) {
    const [database = '', name = ''] = line.split('\t');
    const content = await ask(`select * from \`${database}\`.\`${name}\` format JSONEachRow`);
    pieces.push({ place: `ClickHouse ${database}.${name}`, content });
  }
  return pieces;
}
