import { currentDeadlineMs, currentTraceparent, runWithContext } from '@tenantry/kernel/call-context.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import type { Redis } from 'ioredis';
import { CompiledQuery } from 'kysely';
import { analyticsUnavailable } from './clickhouse/connection.ts';
import type { Analytics } from './clickhouse.ts';
import { redisProblem } from './redis.ts';
import type { ReadTenant } from './unit-of-work.ts';

/** Reading commands, and which of their parameters are keys. */
const REDIS_READS = {
  get: 'first',
  mget: 'all',
  exists: 'all',
  pttl: 'first',
  hget: 'first',
  hmget: 'first',
  scard: 'first',
  smembers: 'first',
  sismember: 'first',
  zcard: 'first',
  zscore: 'first',
  zrange: 'first',
  llen: 'first',
  lrange: 'first',
} as const;

type Envelope = {
  /** Whose rows: what is asked cannot reach another's. */
  readonly tenant: TenantId;
  /** Milliseconds since the epoch; the caller's own deadline counts where it is earlier. */
  readonly deadlineMs?: number;
};

/**
 * A question of one tenant, each engine in its own language, all of them read only.
 * PostgreSQL: SQL with `$1`; row-level security decides which rows there are. ClickHouse: SQL with `{name:Type}`, which must
 * name `{tenant:UUID}`. Redis: a reading command; its keys are under the tenant, whose prefix is put before them.
 */
export type TenantQuery = Envelope &
  (
    | { readonly engine: 'postgres'; readonly statement: string; readonly parameters: readonly unknown[] }
    | {
        readonly engine: 'clickhouse';
        readonly statement: string;
        readonly parameters: Readonly<Record<string, unknown>>;
      }
    | {
        readonly engine: 'redis';
        readonly statement: keyof typeof REDIS_READS;
        readonly parameters: readonly [key: string, ...rest: readonly (string | number)[]];
      }
  );

export type TenantAnswer<Row> = {
  /** Of Redis: the values of a list, or the one value; a missing one is null. */
  readonly rows: readonly Row[];
  readonly durationMs: number;
};

/**
 * Throws `upstream-unavailable` when the engine is away and `upstream-timeout` when the deadline is over, whichever engine
 * it is; what an engine says of the statement is its own error. Counted and traced as every call to that engine.
 */
export type RunTenantQuery = <Row>(query: TenantQuery) => Promise<TenantAnswer<Row>>;

export function createTenantQuery<Tables>(engines: {
  readonly read: ReadTenant<Tables>;
  readonly analytics: Analytics | null;
  readonly redis: Redis;
}): RunTenantQuery {
  const ask = async (query: TenantQuery): Promise<readonly unknown[]> => {
    switch (query.engine) {
      case 'postgres':
        return engines.read(query.tenant, async ({ sql }) => {
          const statement = CompiledQuery.raw(query.statement, [...query.parameters]);
          return (await sql.getExecutor().executeQuery<unknown>(statement)).rows;
        });
      case 'clickhouse': {
        if (engines.analytics === null) throw analyticsUnavailable();
        return engines.analytics.forTenant(query.tenant).query(query.statement, query.parameters);
      }
      case 'redis': {
        const keys = REDIS_READS[query.statement];
        const given = query.parameters.map((parameter, place) =>
          keys === 'all' || place === 0 ? `${query.tenant}:${parameter}` : parameter,
        );
        try {
          const reply: unknown = await engines.redis.call(query.statement, ...given);
          return Array.isArray(reply) ? reply : [reply];
        } catch (error) {
          throw redisProblem(error);
        }
      }
    }
  };
  return async <Row>(query: TenantQuery): Promise<TenantAnswer<Row>> => {
    const startedAtMs = performance.now();
    const deadlineMs = Math.min(currentDeadlineMs(), query.deadlineMs ?? Number.POSITIVE_INFINITY);
    const rows = await runWithContext({ traceparent: currentTraceparent(), deadlineMs }, () => ask(query));
    return { rows: rows as readonly Row[], durationMs: performance.now() - startedAtMs };
  };
}
