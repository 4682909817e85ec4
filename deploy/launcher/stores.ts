import { join } from 'node:path';
import { deriveNatsToken, deriveRedisPassword } from '@tenantry/databases/credentials.ts';
import { type NamedDatabase, readTenantDatabases } from '@tenantry/databases/placement.ts';
import { AnalyticsUnavailable, startClickHouse } from '../embedded/clickhouse.ts';
import type { EmbeddedServer, EmbeddedServerOptions } from '../embedded/embedded-server.ts';
import { startNats } from '../embedded/nats.ts';
import { findNewerNats } from '../embedded/newer-nats.ts';
import { startPostgres } from '../embedded/postgres.ts';
import { startRedis } from '../embedded/redis.ts';
import type { ChildGroup } from './child-group.ts';
import type { ChildRecord } from './child-record.ts';
import { RememberedPorts } from './remembered-ports.ts';
import type { Report } from './report.ts';
import type { Settings } from './settings.ts';
import { Supervised } from './supervisor.ts';

export type StoreUrls = {
  /** With the right to create roles and databases. */
  readonly postgresAdmin: string;
  /** Without credentials: services derive their own. */
  readonly postgres: string;
  /** The databases beside it, each with the right to create roles. */
  readonly tenantDatabases: readonly NamedDatabase[];
  /** With its password when it is the embedded one. */
  readonly redis: string;
  /** Without credentials when it is the embedded one: services derive its token. */
  readonly nats: string;
  /** Empty when analytics are unavailable. */
  readonly clickhouse: string;
};

type StoresOptions = {
  readonly settings: Settings;
  readonly masterKey: string;
  readonly report: Report;
  readonly record: ChildRecord;
  readonly group: ChildGroup;
};

/** All at once: each is ready in a second or two, and none needs another. */
export async function startStores(options: StoresOptions): Promise<StoreUrls> {
  const { settings, masterKey, report } = options;
  const { external, serversDir } = settings;
  const ports = new RememberedPorts(join(settings.dataDir, 'ports.json'));
  const serveRedis = (store: EmbeddedServerOptions) =>
    startRedis({ ...store, serversDir, password: deriveRedisPassword(masterKey) });
  const newerNats = findNewerNats(serversDir);
  const serveNats = (store: EmbeddedServerOptions) =>
    startNats({
      ...{ ...store, serversDir, token: deriveNatsToken(masterKey) },
      ...(newerNats === undefined ? {} : { program: newerNats }),
    });
  const [admin, redis, nats, clickhouse] = await allOrFirstFailure([
    external.postgres ?? startStore(options, ports, 'PostgreSQL', startPostgres),
    external.redis ?? startStore(options, ports, 'Redis', serveRedis),
    external.nats ?? startStore(options, ports, 'NATS', serveNats),
    external.clickhouse ??
      startStore(options, ports, 'ClickHouse', startClickHouse).catch((cause: unknown) => {
        if (!(cause instanceof AnalyticsUnavailable)) throw cause;
        report.say(`${cause.message} Everything else works; set CLICKHOUSE_URL to use a ClickHouse server.`);
        return '';
      }),
  ]);
  const postgresAdmin = external.postgres === undefined ? withDatabase(admin, 'tenantry') : admin;
  const postgres = withoutCredentials(postgresAdmin);
  const tenantDatabases = tenantDatabaseUrls(postgresAdmin, settings.tenantDatabases);
  return { postgresAdmin, postgres, tenantDatabases, redis, nats, clickhouse };
}

async function startStore(
  { settings, report, record, group }: StoresOptions,
  ports: RememberedPorts,
  name: string,
  start: (options: EmbeddedServerOptions) => Promise<EmbeddedServer>,
): Promise<string> {
  const folder = name.toLowerCase();
  const logFile = join(settings.dataDir, 'logs', `${folder}.log`);
  const dataDir = join(settings.dataDir, folder);
  const port = await ports.portFor(folder);
  let url = '';
  let isWell: EmbeddedServer['isWell'];
  const store = new Supervised({
    name,
    logFile,
    say: report.say,
    start: async (onSpawn) => {
      const server = await start({
        ...{ dataDir, port, logFile, tuning: 'durable', say: report.say },
        onSpawn: (child) => {
          record.add(name, child);
          onSpawn(child);
        },
      });
      url = server.url;
      isWell = server.isWell;
    },
    isWell: async () => (await isWell?.()) ?? true,
  });
  group.add(store);
  const took = report.stopwatch();
  await store.start();
  report.say(`${name} is ready on port ${port}${took()}.`);
  report.row({
    what: name,
    port,
    url: new URL(url).password === '' ? url : withoutCredentials(url),
    pid: () => store.pid,
  });
  return url;
}

/** Every start comes to its end before the first failure is thrown: what is half started could not be stopped. */
async function allOrFirstFailure<T extends readonly unknown[]>(
  starts: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(starts);
  return Promise.all(starts);
}

/** A path alone is a database of the main server. */
export const tenantDatabaseUrls = (postgresAdmin: string, tenantDatabases: string): readonly NamedDatabase[] =>
  readTenantDatabases(tenantDatabases).map(({ name, url }) => ({ name, url: new URL(url, postgresAdmin).href }));

function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

export function withoutCredentials(url: string): string {
  const changed = new URL(url);
  changed.username = '';
  changed.password = '';
  return changed.href;
}
