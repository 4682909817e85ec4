import type { TenantId } from '@tenantry/kernel/id.ts';
import type { Kysely } from 'kysely';
import type { FoundationTables } from './postgres/foundation-tables.ts';

declare const tenantScoped: unique symbol;

/**
 * One transaction, of one tenant, at one instant. The only way to reach tenant tables: the connection carries the
 * tenant for row-level security, and this type can be had from `withTenant` alone.
 */
export type TenantUnitOfWork<Tables = unknown> = {
  readonly [tenantScoped]: true;
  readonly tenantId: TenantId;
  /** The tenant as SQL knows it: for the `tenant_id` filter, which picks the index. */
  readonly tenantUuid: string;
  /** The instant of everything that happens in here. SQL `now()` and the machine's clock are not for rules. */
  readonly now: Temporal.Instant;
  /** W3C trace context of whoever asked, kept with the events that come of it. */
  readonly traceparent: string;
  readonly sql: Kysely<Tables & FoundationTables>;
};

export type WithTenant<Tables> = <T>(
  tenantId: TenantId,
  work: (uow: TenantUnitOfWork<Tables>) => Promise<T>,
) => Promise<T>;
