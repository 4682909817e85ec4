import type { Clock } from '@tenantry/kernel/clock.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import type { Redis } from 'ioredis';
import type { Pool } from 'pg';
import { analyticsUnavailable } from './clickhouse/connection.ts';
import { type Analytics, createAnalytics } from './clickhouse.ts';
import { appRole, derivePassword, workerRole } from './credentials.ts';
import { DatabaseCalls, type EngineKind, type ObserveCall } from './database-calls.ts';
import { defineEngine, type Engine, Engines } from './engine.ts';
import { MAIN_DATABASE, type PlacementSettings, readPlacement, readTenantDatabases } from './placement.ts';
import { CommittedWork } from './postgres/committed-work.ts';
import { createLookups, type Lookups } from './postgres/lookups.ts';
import { assertNobodyMisplaced } from './postgres/misplaced-tenants.ts';
import { type OpenDatabase, openDatabase, type PlacedDatabase } from './postgres/placed-database.ts';
import { createWithTenant } from './postgres/tenant-database.ts';
import { createHoldName, type HoldName, holdNameAlone } from './postgres/unique-names.ts';
import type { WorkerDatabase } from './postgres/worker-database.ts';
import { createRedis } from './redis.ts';
import type { Keyring } from './secrets/keyring.ts';
import { measureSecrets } from './secrets/measure-secrets.ts';
import { openSecrets } from './secrets/open-secrets.ts';
import type { SecretsEngine } from './secrets/secrets-engine.ts';
import type { VaultSettings } from './secrets/vault/settings.ts';
import { createTenantQuery, type RunTenantQuery } from './tenant-query.ts';
import type { TenantDatabase } from './unit-of-work.ts';

export type DatabasesOptions = {
  readonly service: string;
  readonly databaseUrl: string;
  readonly redisUrl: string;
  /** Empty where there is no ClickHouse: analytics then answer "unavailable". */
  readonly clickhouseUrl: string;
  readonly masterKey: string;
  readonly dataDir: string;
  /** Where secrets are kept; left out, or null, for encrypted files in the data folder. */
  readonly vault?: VaultSettings | null;
  /** Keeps the tests of one machine apart; empty in a real system. */
  readonly namespace: string;
  readonly clock: Clock;
  readonly traceparent: () => string;
  readonly onError: (engine: string, error: Error) => void;
  /** Databases beside the main one, and who lives there; nobody unless said. */
  readonly placement?: PlacementSettings | undefined;
  /** Is told of every call that has ended. */
  readonly observe?: ObserveCall | undefined;
};

/** Every engine of one service behind one lifecycle. */
export type Databases<Tables> = {
  readonly withTenant: TenantDatabase<Tables>;
  /** One envelope for all engines, to read as a tenant: see tenant-query.ts. */
  readonly query: RunTenantQuery;
  /** To which tenant something foreign belongs. */
  readonly lookups: Lookups;
  /** For a unit of work that takes what only one tenant may have, in whichever database. */
  readonly holdName: HoldName;
  /** Every PostgreSQL database; the main one first. What works through the routing tables does so once in each. */
  readonly placed: readonly [PlacedDatabase, ...PlacedDatabase[]];
  /** Of the main database. */
  readonly worker: WorkerDatabase;
  readonly workerPool: Pool;
  /** What this process has just committed, for its relay and its ticker. */
  readonly committed: CommittedWork;
  readonly redis: Redis;
  readonly analytics: Analytics | null;
  readonly secrets: SecretsEngine;
  /** What wraps data keys; shared by all services of the house. */
  readonly keyring: Keyring;
  /** Each with its sign of life, in the order in which they were opened. */
  readonly engines: readonly Engine[];
  /** Of all engines, for metrics. */
  readonly calls: DatabaseCalls;
  /** Before work begins: throws when a tenant has rows where it is not placed. */
  readonly checkPlacement: () => Promise<void>;
  /** Closes the engines in reverse order, once. */
  readonly close: () => Promise<void>;
};

/** Throws a RangeError when the placement cannot be meant. Connects to nothing yet. */
export function openDatabases<Tables>(options: DatabasesOptions): Databases<Tables> {
  const { service, masterKey, placement: settings = { databases: '', placements: '' } } = options;
  const placement = readPlacement(settings);
  const calls = new DatabaseCalls(options.observe);
  const engines = new Engines();
  const add = (...[kind, how, database]: [EngineKind, Pick<Engine, 'check' | 'close'>, database?: string]): void =>
    engines.add(defineEngine(calls, kind, how, database));

  const secrets = openSecrets({
    ...{ service, masterKey, dataDir: options.dataDir, vault: options.vault ?? null },
    onError: (error) => options.onError('secrets', error),
  });
  add('secrets', { check: secrets.check, close: async () => secrets.close() });

  const open = (name: string, url: string): OpenDatabase => {
    const database = openDatabase({
      name,
      url,
      schema: service,
      app: { user: appRole(service), password: derivePassword(masterKey, appRole(service)) },
      worker: { user: workerRole(service), password: derivePassword(masterKey, workerRole(service)) },
      calls,
      onError: (error) => options.onError(name === MAIN_DATABASE ? 'postgres' : `postgres-${name}`, error),
    });
    add('postgres', database, name);
    return database;
  };
  const main = open(MAIN_DATABASE, options.databaseUrl);
  const others = readTenantDatabases(settings.databases).map(({ name, url }) => open(name, url));
  const byName = new Map([main, ...others].map((database) => [database.name, database]));
  // The one place that decides where a tenant's rows live.
  const placeOf = (tenantId: TenantId): OpenDatabase =>
    others.length === 0 ? main : (byName.get(placement.databaseOf(tenantId)) ?? main);

  const redis = createRedis({
    url: options.redisUrl,
    namespace: options.namespace,
    onError: (error) => options.onError('redis', error),
    calls,
  });
  add('redis', { check: () => redis.ping(), close: async () => redis.disconnect() });

  const analytics =
    options.clickhouseUrl === ''
      ? null
      : createAnalytics({ url: options.clickhouseUrl, database: analyticsDatabase(service, options.namespace), calls });
  if (analytics !== null)
    add('clickhouse', {
      async check() {
        if (!(await analytics.ping())) throw analyticsUnavailable();
      },
      close: analytics.close,
    });

  const workerOf = (tenantId: TenantId): WorkerDatabase => placeOf(tenantId).worker;
  const lookups = createLookups(
    [main, ...others].map(({ worker }) => worker),
    workerOf,
  );
  const holdName =
    others.length === 0
      ? holdNameAlone
      : createHoldName({
          main: main.worker,
          workerOf,
          lookups,
          onError: (error) => options.onError('postgres', error),
        });
  const committed = new CommittedWork();
  const { clock, traceparent } = options;
  const withTenant = createWithTenant<Tables>({ placeOf, clock, traceparent, committed });
  return {
    withTenant,
    query: createTenantQuery({ read: withTenant.read, analytics, redis }),
    lookups,
    holdName,
    placed: [main, ...others],
    worker: main.worker,
    workerPool: main.workerPool,
    committed,
    redis,
    analytics,
    secrets: measureSecrets(secrets.engine, calls),
    keyring: secrets.keyring,
    engines: engines.all,
    calls,
    checkPlacement: () =>
      assertNobodyMisplaced([main, ...others], placement.databaseOf, (name, error) =>
        options.onError(name, error instanceof Error ? error : new Error(String(error))),
      ),
    close: () => engines.close(),
  };
}

const analyticsDatabase = (service: string, namespace: string): string =>
  namespace === '' ? service : `${service}_${namespace}`;
