import { join } from 'node:path';
import { Client } from 'pg';
import { startChild } from './child.ts';
import type { EmbeddedServer, EmbeddedServerOptions, Tuning } from './embedded-server.ts';
import { freePort } from './free-port.ts';
import { prepareCluster } from './postgres-cluster.ts';
import { choosePostgresHost, type PostgresHostOptions } from './postgres-host.ts';
import { stopLeftoverPostgres } from './postgres-leftover.ts';

const COMMON = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '300',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // Short statements only; compiling them costs more than it saves.
  jit: 'off',
} as const;

const SETTINGS: Record<Tuning, Record<string, string>> = {
  durable: { ...COMMON, shared_buffers: '128MB', log_checkpoints: 'off' },
  fast: {
    ...COMMON,
    shared_buffers: '128MB',
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
    wal_level: 'minimal',
    max_wal_senders: '0',
    autovacuum_naptime: '1h',
    log_checkpoints: 'off',
  },
};

export type PostgresOptions = EmbeddedServerOptions & { readonly host?: Omit<PostgresHostOptions, 'dataDir' | 'say'> };

/** `url` is the superuser's, with its password: for migrations only. */
export async function startPostgres(options: PostgresOptions): Promise<EmbeddedServer> {
  const tuning = options.tuning ?? 'durable';
  const host = choosePostgresHost({
    ...options.host,
    dataDir: options.dataDir,
    ...(options.say === undefined ? {} : { say: options.say }),
  });
  const leftover = await stopLeftoverPostgres(host.dataDir);
  if (leftover !== undefined) options.say?.(`Stopped a PostgreSQL (pid ${leftover}) that an earlier run left behind.`);
  const password = prepareCluster(host, tuning);
  const port = options.port ?? (await freePort());
  const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
  const settings = Object.entries(SETTINGS[tuning]).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const [command = '', ...args] = [
    ...host.prefix,
    join(host.binDir, 'postgres'),
    ...['-D', host.dataDir, '-p', String(port)],
    ...settings,
  ];
  const child = await startChild({
    name: 'PostgreSQL',
    command,
    args,
    logFile: options.logFile,
    ...(options.onSpawn === undefined ? {} : { onSpawn: options.onSpawn }),
    // "Fast" shutdown: SIGTERM would wait for every client to leave.
    stopSignal: 'SIGINT',
    // After a kill, redoing the log of a busy day takes a while.
    readyTimeoutMs: 120_000,
    isReady: () => accepts(url),
    ...(host.runAs === undefined ? {} : { runAs: host.runAs }),
  });
  return { url, port, ...child };
}

async function accepts(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  // The server may end between connecting and leaving.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('select 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}
