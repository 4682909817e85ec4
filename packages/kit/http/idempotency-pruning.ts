import type { TenantUnitOfWork, WithTenant } from '@tenantry/databases/unit-of-work.ts';
import { idFromUuid, type TenantId } from '@tenantry/kernel/id.ts';
import { schedule } from '../due/schedule.ts';
import type { DueHandler } from '../due/ticker.ts';

/** What falls due when keys of a tenant have expired. */
export const IDEMPOTENCY_PRUNING = 'idempotency:prune';

const HOUR_MS = 3_600_000;
const BATCH = 500;

export type PruningSchedule = {
  /** @returns to be called when the unit of work has committed: only then need nobody schedule it again */
  readonly add: (uow: TenantUnitOfWork, expiresAt: Temporal.Instant) => Promise<() => void>;
};

/**
 * One due row per tenant and hour in which keys of it expire, due when the hour is over: what expires in an hour that is
 * being pruned was scheduled long before, so no key can slip in between.
 */
export function createPruningSchedule(): PruningSchedule {
  const newestScheduled = new Map<TenantId, number>();
  return {
    async add(uow, expiresAt) {
      const hour = Math.floor(expiresAt.epochMilliseconds / HOUR_MS);
      if (newestScheduled.get(uow.tenantId) === hour) return () => undefined;
      const dueAt = Temporal.Instant.fromEpochMilliseconds((hour + 1) * HOUR_MS);
      await schedule(uow, IDEMPOTENCY_PRUNING, idOfHour(hour), dueAt);
      return () => {
        newestScheduled.set(uow.tenantId, hour);
      };
    },
  };
}

const idOfHour = (hour: number) => idFromUuid('evt', `00000000-0000-7000-8000-${hour.toString(16).padStart(12, '0')}`);

/**
 * Removes the expired keys of a tenant, a few at a time so that nothing waits for it. A key that somebody is taking up
 * again at this moment is locked, and left; two instances at once take different ones.
 */
export const pruneIdempotencyKeys =
  (withTenant: WithTenant<unknown>, batch = BATCH): DueHandler =>
  async ({ tenantId }) => {
    while ((await withTenant(tenantId, (uow) => pruneBatch(uow as TenantUnitOfWork, batch))) === batch);
    return undefined;
  };

async function pruneBatch(uow: TenantUnitOfWork, batch: number): Promise<number> {
  const { numDeletedRows } = await uow.sql
    .deleteFrom('idempotency_keys')
    .where('tenant_id', '=', uow.tenantUuid)
    .where(({ eb, refTuple, selectFrom }) =>
      eb(
        refTuple('principal', 'route', 'key'),
        'in',
        selectFrom('idempotency_keys')
          .select(['principal', 'route', 'key'])
          .where('tenant_id', '=', uow.tenantUuid)
          .where('expires_at', '<=', uow.now)
          .orderBy('expires_at')
          .limit(batch)
          .forUpdate()
          .skipLocked()
          .$asTuple('principal', 'route', 'key'),
      ),
    )
    .executeTakeFirst();
  return Number(numDeletedRows);
}
