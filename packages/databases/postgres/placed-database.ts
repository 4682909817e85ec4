import type { Pool } from 'pg';
import { DatabaseCalls } from '../database-calls.ts';
import { MAIN_DATABASE } from '../placement.ts';
import { createPool } from './pools.ts';
import type { TenantPlace } from './tenant-database.ts';
import { createWorkerDatabase, type WorkerDatabase } from './worker-database.ts';

/** One PostgreSQL database in which tenants live, as whatever works across its tenants sees it. */
export type PlacedDatabase = {
  readonly name: string;
  readonly worker: WorkerDatabase;
  readonly workerPool: Pool;
  /** How its connections are used, by role. */
  readonly connections: () => readonly PoolUse[];
};

export type PoolUse = {
  readonly role: 'app' | 'worker';
  readonly inUse: number;
  readonly idle: number;
  /** Callers who wait for one. */
  readonly waiting: number;
};

export type OpenDatabase = PlacedDatabase &
  TenantPlace & { readonly check: () => Promise<unknown>; readonly close: () => Promise<void> };

const APP_CONNECTIONS = 10;
// Three are held all the time: by the leaders of relay and consumers, and by the ticker's LISTEN.
const WORKER_CONNECTIONS = 6;

type Login = { readonly user: string; readonly password: string };

/** A pool as the place of tenants, whose calls are counted. */
export const placeOn = (pool: Pool, calls = new DatabaseCalls(), name = MAIN_DATABASE): TenantPlace => ({
  pool,
  reads: calls.meter('postgres', name, 'read'),
  units: calls.meter('postgres', name, 'unit-of-work'),
});

export function openDatabase(options: {
  readonly name: string;
  readonly url: string;
  readonly schema: string;
  readonly app: Login;
  readonly worker: Login;
  readonly calls: DatabaseCalls;
  readonly onError: (error: Error) => void;
}): OpenDatabase {
  const { name, url, schema, onError, calls } = options;
  const pool = createPool({ ...options.app, url, schema, max: APP_CONNECTIONS, onError });
  const workerPool = createPool({ ...options.worker, url, schema, max: WORKER_CONNECTIONS, onError });
  return {
    ...placeOn(pool, calls, name),
    name,
    workerPool,
    worker: createWorkerDatabase(workerPool, calls.meter('postgres', name, 'worker')),
    connections: () => [useOf('app', pool), useOf('worker', workerPool)],
    check: () => pool.query('select 1'),
    async close() {
      await Promise.all([pool.end(), workerPool.end()]);
    },
  };
}

const useOf = (role: PoolUse['role'], { totalCount, idleCount, waitingCount }: Pool): PoolUse => ({
  role,
  inUse: totalCount - idleCount,
  idle: idleCount,
  waiting: waitingCount,
});
