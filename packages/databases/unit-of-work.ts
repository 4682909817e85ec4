import type { TenantId } from '@tenantry/kernel/id.ts';
import type { CompiledQuery, Kysely, QueryExecutorProvider } from 'kysely';
import type { FoundationTables } from './postgres/foundation-tables.ts';

declare const tenantScoped: unique symbol;

/**
 * The rows of one tenant, to read. Every statement is a read-only transaction of its own that knows its tenant, and one
 * round trip. Can be had from `withTenant.read`, and every unit of work is one too.
 */
export type TenantReader<Tables = unknown> = {
  readonly [tenantScoped]: true;
  readonly tenantId: TenantId;
  /** The tenant as SQL knows it: for the `tenant_id` filter, which picks the index. */
  readonly tenantUuid: string;
  /** The instant of everything that happens in here. SQL `now()` and the machine's clock are not for rules. */
  readonly now: Temporal.Instant;
  readonly sql: Pick<Kysely<Tables & FoundationTables>, 'selectFrom' | 'selectNoFrom' | 'fn' | 'getExecutor'>;
};

/**
 * One transaction, of one tenant, at one instant. The only way to change tenant tables: the connection carries the
 * tenant for row-level security, and this type can be had from `withTenant` alone.
 */
export type TenantUnitOfWork<Tables = unknown> = {
  readonly [tenantScoped]: true;
  readonly tenantId: TenantId;
  readonly tenantUuid: string;
  readonly now: Temporal.Instant;
  /** W3C trace context of whoever asked, kept with the events that come of it. */
  readonly traceparent: string;
  readonly sql: Kysely<Tables & FoundationTables>;
  /**
   * A statement whose answer nobody needs: it keeps its place in the order and travels with whatever is sent next, at
   * the latest with COMMIT. Should it fail, so does the unit of work.
   */
  readonly enqueue: (query: Enqueued) => void;
};

/** A query of Kysely's builder, or `sql` text. */
export type Enqueued = { readonly compile: (executor: QueryExecutorProvider) => CompiledQuery };

export type ReadTenant<Tables> = <T>(
  tenantId: TenantId,
  work: (reader: TenantReader<Tables>) => Promise<T>,
) => Promise<T>;

export type WithTenant<Tables> = <T>(
  tenantId: TenantId,
  work: (uow: TenantUnitOfWork<Tables>) => Promise<T>,
) => Promise<T>;

export type TenantDatabase<Tables> = WithTenant<Tables> & {
  /** For what only reads: a third of the round trips. No lock, no change; each statement sees its own instant. */
  readonly read: ReadTenant<Tables>;
};
