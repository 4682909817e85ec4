import type { Clock } from '@tenantry/kernel/clock.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import type { Redis } from 'ioredis';
import type { Pool } from 'pg';
import { analyticsUnavailable } from './clickhouse/connection.ts';
import { type Analytics, createAnalytics } from './clickhouse.ts';
import { appRole, derivePassword, workerRole } from './credentials.ts';
import { createPool } from './postgres/pools.ts';
import { createWithTenant } from './postgres/tenant-database.ts';
import { createWorkerDatabase, type WorkerDatabase } from './postgres/worker-database.ts';
import { createRedis } from './redis.ts';
import type { Keyring } from './secrets/keyring.ts';
import { openSecrets } from './secrets/open-secrets.ts';
import type { SecretsEngine } from './secrets/secrets-engine.ts';
import type { VaultSettings } from './secrets/vault/settings.ts';
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
};

/** Every engine of one service behind one lifecycle. */
export type Databases<Tables> = {
  readonly withTenant: TenantDatabase<Tables>;
  readonly worker: WorkerDatabase;
  readonly workerPool: Pool;
  readonly redis: Redis;
  readonly analytics: Analytics | null;
  readonly secrets: SecretsEngine;
  /** What wraps data keys; shared by all services of the house. */
  readonly keyring: Keyring;
  /** A sign of life from each engine that there is: rejects when it gives none, which may take long. */
  readonly checks: Readonly<Partial<Record<'postgres' | 'redis' | 'clickhouse' | 'vault', () => Promise<unknown>>>>;
  /** Names of the engines that do not answer. ClickHouse and Redis are not needed to serve. */
  readonly unhealthy: () => Promise<readonly string[]>;
  readonly close: () => Promise<void>;
};

const APP_CONNECTIONS = 10;
// Three are held all the time: by the leaders of relay and consumers, and by the ticker's LISTEN.
const WORKER_CONNECTIONS = 6;

export function openDatabases<Tables>(options: DatabasesOptions): Databases<Tables> {
  const { service, masterKey, databaseUrl: url } = options;
  const pool = (user: string, max: number): Pool =>
    createPool({
      url,
      user,
      password: derivePassword(masterKey, user),
      schema: service,
      max,
      onError: (error) => options.onError('postgres', error),
    });
  const shared = pool(appRole(service), APP_CONNECTIONS);
  const workerPool = pool(workerRole(service), WORKER_CONNECTIONS);
  // The one place that decides where a tenant's rows live. Today every tenant lives in the shared database.
  const poolOf = (_tenantId: TenantId): Pool => shared;
  const redis = createRedis({
    url: options.redisUrl,
    namespace: options.namespace,
    onError: (error) => options.onError('redis', error),
  });
  const analytics =
    options.clickhouseUrl === ''
      ? null
      : createAnalytics({ url: options.clickhouseUrl, database: analyticsDatabase(service, options.namespace) });
  const secrets = openSecrets({
    ...{ service, masterKey, dataDir: options.dataDir, vault: options.vault ?? null },
    onError: (error) => options.onError('vault', error),
  });
  const isPostgresThere = () => shared.query('select 1');
  return {
    withTenant: createWithTenant<Tables>({ poolOf, clock: options.clock, traceparent: options.traceparent }),
    worker: createWorkerDatabase(workerPool),
    workerPool,
    redis,
    analytics,
    secrets: secrets.engine,
    keyring: secrets.keyring,
    checks: {
      postgres: isPostgresThere,
      redis: () => redis.ping(),
      ...(secrets.check === null ? {} : { vault: secrets.check }),
      ...(analytics === null
        ? {}
        : {
            clickhouse: async () => {
              if (!(await analytics.ping())) throw analyticsUnavailable();
            },
          }),
    },
    async unhealthy() {
      const checks: Record<string, () => Promise<unknown>> = { postgres: isPostgresThere };
      const results = await Promise.all(
        Object.entries(checks).map(([name, check]) =>
          check().then(
            () => null,
            () => name,
          ),
        ),
      );
      return results.filter((name) => name !== null);
    },
    async close() {
      redis.disconnect();
      secrets.close();
      await Promise.allSettled([shared.end(), workerPool.end(), analytics?.close()]);
    },
  };
}

const analyticsDatabase = (service: string, namespace: string): string =>
  namespace === '' ? service : `${service}_${namespace}`;
