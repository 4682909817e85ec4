import { setTimeout as sleep } from 'node:timers/promises';
import { idFromUuid, newUuid, type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import { sql } from 'kysely';
import { isOutcomeUnknown, isUniqueViolation } from './errors.ts';
import { type Lookups, reaching } from './lookups.ts';
import type { WorkerDatabase } from './worker-database.ts';

/** Something that only one tenant of the platform may have: a row of `lookups`. */
export type UniqueName = {
  readonly kind: string;
  readonly key: string;
  /** What the row will point to; a row that points there already is no refusal. */
  readonly target: string;
  /** What is thrown when somebody else has it. */
  readonly taken: () => Error;
};

/** Goes into `lookups.claim` with the row that takes the name. Null where there is one database, whose key decides. */
export type NameClaim = string | null;

/**
 * Runs `work`, one unit of work of this tenant that writes the name's row with the claim, while nobody in another database can
 * take that name. Of one database it asks nothing. Throws what `taken` says, whatever `work` throws, or
 * `upstream-unavailable` when it cannot be decided now: a database is away, or somebody else is claiming it; nothing was
 * changed then.
 */
export type HoldName = <T>(tenantId: TenantId, name: UniqueName, work: (claim: NameClaim) => Promise<T>) => Promise<T>;

export type UniqueNamesOptions = {
  /** Of the main database. */
  readonly main: WorkerDatabase;
  readonly workerOf: (tenantId: TenantId) => WorkerDatabase;
  readonly lookups: Pick<Lookups, 'find'>;
  /** A claim that could not be released, and is settled by whoever wants the name next. */
  readonly onError: (error: Error) => void;
};

/** Longer than a unit of work takes. Who is later than that has lost nothing but the attempt. */
const LEASE_SECONDS = 10;
/** For somebody else's claim: nearly all of them are over within milliseconds. */
const PATIENCE_MS = 2_000;
const LOOK_AGAIN_MS = 20;
/** In `lookups`, of a claim under which nothing can be written any more. */
const VOID = 'void-claim';

/** With one database there is nobody to agree with. */
export const holdNameAlone: HoldName = (_tenantId, _name, work) => work(null);

/**
 * A claim is a committed row and not a lock, since a lock goes with its connection while the unit of work under it can still be
 * committed in the other database. It ends in one of three ways: its holder removes it when the unit of work is over; or
 * whoever wants the name after the lease asks the holder's database what came of it, by an insert that either finds the
 * row written or keeps it from ever being written.
 */
export function createHoldName({ main, workerOf, lookups, onError }: UniqueNamesOptions): HoldName {
  const assertFree = async (tenantId: TenantId, { kind, key, target, taken }: UniqueName): Promise<void> => {
    const found = await lookups.find(kind, key);
    if (found !== null && (found.tenantId !== tenantId || found.target !== target)) throw taken();
  };

  const claim = async (tenantId: TenantId, name: UniqueName): Promise<string> => {
    const { kind, key } = name;
    const mine = newUuid();
    const startedMs = performance.now();
    for (;;) {
      // First, so that who comes too late waits for nobody.
      await assertFree(tenantId, name);
      const { numInsertedOrUpdatedRows: inserted } = await main
        .insertInto('name_claims')
        .values({ kind, key, claim: mine, tenant_id: uuidOf(tenantId) })
        .onConflict((conflict) => conflict.columns(['kind', 'key']).doNothing())
        .executeTakeFirstOrThrow();
      if (inserted === 1n) return mine;
      const other = await main
        .selectFrom('name_claims')
        .select([
          'claim',
          'tenant_id',
          sql<boolean>`claimed_at < now() - make_interval(secs => ${LEASE_SECONDS})`.as('isOver'),
        ])
        .where('kind', '=', kind)
        .where('key', '=', key)
        .executeTakeFirst();
      if (other?.isOver === true) await settle(other.claim, idFromUuid('ten', other.tenant_id));
      else if (performance.now() - startedMs > PATIENCE_MS) throw beingClaimed();
      else if (other !== undefined) await sleep(LOOK_AGAIN_MS * (1 + Math.random()));
    }
  };

  /** Waits for the holder's transaction, if it has written its row and not ended yet. */
  const settle = async (abandoned: string, holder: TenantId): Promise<void> => {
    await workerOf(holder)
      .insertInto('lookups')
      .values({ kind: VOID, key: abandoned, tenant_id: uuidOf(holder), target: abandoned, claim: abandoned })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    await release(abandoned);
  };

  const release = (held: string) => main.deleteFrom('name_claims').where('claim', '=', held).execute();

  return async (tenantId, name, work) => {
    const held = await reaching(claim(tenantId, name));
    let isOver = true;
    try {
      // Again, now that nobody else can take it: whoever had the claim before may have.
      await assertFree(tenantId, name);
      return await work(held);
    } catch (error) {
      isOver = !isOutcomeUnknown(error);
      throw isUniqueViolation(error, 'lookups_claim') ? beingClaimed(error) : error;
    } finally {
      if (isOver) await release(held).catch(onError);
    }
  };
}

const beingClaimed = (cause?: unknown) =>
  upstreamUnavailable('Somebody else is claiming the same name at this moment. Nothing was changed; try again.', {
    cause,
    retryAfterSeconds: 1,
  });
