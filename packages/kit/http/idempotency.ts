import { createHmac } from 'node:crypto';
import type { Principal } from '@tenantry/auth/principal.ts';
import type { FoundationTables } from '@tenantry/databases/postgres/foundation-tables.ts';
import type { TenantUnitOfWork, WithTenant } from '@tenantry/databases/unit-of-work.ts';
import { currentTraceparent, runInBackground } from '@tenantry/kernel/call-context.ts';
import { canonicalJson } from '@tenantry/kernel/canonical-json.ts';
import { newUuid } from '@tenantry/kernel/id.ts';
import { Problem } from '@tenantry/kernel/problem.ts';
import { idempotencyKeyInFlight, idempotencyKeyReused, validationFailed } from '@tenantry/kernel/problems.ts';
import type { Expression, ExpressionBuilder, SqlBool } from 'kysely';
import type { PruningSchedule } from './idempotency-pruning.ts';

const LEASE_SECONDS = 30;
const KEPT_HOURS = 24;
const KEY = /^[\x21-\x7e]{1,255}$/;

export type IdempotencyOptions = {
  readonly withTenant: WithTenant<unknown>;
  /** Of the fingerprints of requests: the first makes them, and each of them may have made one that is kept. */
  readonly fingerprintKeys: readonly [Buffer, ...Buffer[]];
  /** Sees to it that keys are removed when they have expired. */
  readonly pruning: PruningSchedule;
};

export type StoredAnswer = { readonly status: number; readonly body: unknown };

export type Attempt =
  | { readonly kind: 'replay'; readonly answer: StoredAnswer }
  | {
      readonly kind: 'run';
      readonly resourceUuid: string;
      readonly finish: (answer: StoredAnswer) => Promise<void>;
      readonly abandon: () => Promise<void>;
    };

/**
 * Idempotency-Key (IETF httpapi draft): per tenant, principal and route, kept for a day. The in-flight mark is a lease,
 * so a process that died does not block the key for longer than that; whoever comes next runs the request again with
 * the same resource id and meets what was committed.
 */
export async function beginIdempotent(
  { withTenant, fingerprintKeys, pruning }: IdempotencyOptions,
  principal: Principal,
  route: string,
  key: string,
  request: unknown,
): Promise<Attempt> {
  if (!KEY.test(key)) {
    const message = 'must be 1 to 255 visible ASCII characters';
    throw validationFailed(`Idempotency-Key ${message}.`, { errors: [{ path: 'header.idempotency-key', message }] });
  }
  // Keyed: a request may hold a password, and a bare hash would let whoever reads the table try words against it.
  const text = canonicalJson(request);
  const [newest, ...older] = fingerprintKeys;
  const made = (by: Buffer): string => createHmac('sha256', by).update(text).digest('base64url');
  const fingerprint = made(newest);
  const isSame = (kept: string): boolean => kept === fingerprint || older.some((by) => kept === made(by));
  const resourceUuid = newUuid();
  const own = { principal: principal.id, route, key };

  let lease = Temporal.Instant.fromEpochMilliseconds(0);
  let isToBePruned: () => void = () => undefined;
  const existing = await withTenant(principal.tenantId, async (uow) => {
    lease = uow.now.add({ seconds: LEASE_SECONDS });
    const expiry = uow.now.add({ hours: KEPT_HOURS });
    isToBePruned = await pruning.add(uow as TenantUnitOfWork, expiry);
    const inserted = await uow.sql
      .insertInto('idempotency_keys')
      .values({
        tenant_id: uow.tenantUuid,
        ...own,
        fingerprint,
        resource_id: resourceUuid,
        status: null,
        response: null,
        leased_until: lease,
        expires_at: expiry,
      })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst();
    if (inserted.numInsertedOrUpdatedRows === 1n) return null;
    const row = await ownRow(uow, own).selectAll().forUpdate().executeTakeFirstOrThrow();
    const isExpired = Temporal.Instant.compare(row.expires_at, uow.now) <= 0;
    if (isExpired) {
      await update(uow, own, {
        fingerprint,
        resource_id: resourceUuid,
        status: null,
        response: null,
        leased_until: lease,
        expires_at: expiry,
      });
      return null;
    }
    if (!isSame(row.fingerprint) || row.status !== null) return row;
    if (Temporal.Instant.compare(row.leased_until, uow.now) > 0) return row;
    await update(uow, own, { leased_until: lease });
    return { ...row, takenOver: true };
  });
  isToBePruned();

  // How it ended is noted also when the time of the request is over by then.
  const afterwards = (note: (uow: TenantUnitOfWork<unknown>) => Promise<void>): Promise<void> =>
    runInBackground(currentTraceparent(), () => withTenant(principal.tenantId, note));
  const run = (uuid: string): Attempt => ({
    kind: 'run',
    resourceUuid: uuid,
    // The first answer stands: an attempt that was given up for dead may come back after the one that took over.
    finish: (answer) =>
      afterwards((uow) =>
        update(uow, own, { status: answer.status, response: JSON.stringify(answer.body ?? null) }, ({ eb }) =>
          eb('status', 'is', null),
        ),
      ),
    // Only our own lease: whoever took over is still at work under theirs.
    abandon: () =>
      afterwards((uow) => update(uow, own, { leased_until: uow.now }, ({ eb }) => eb('leased_until', '=', lease))),
  });
  if (existing === null) return run(resourceUuid);
  if (!isSame(existing.fingerprint)) {
    throw idempotencyKeyReused('This Idempotency-Key was used for another request. Use a new key for a new request.');
  }
  if (existing.status !== null) return { kind: 'replay', answer: { status: existing.status, body: existing.response } };
  if ('takenOver' in existing) return run(existing.resource_id);
  throw idempotencyKeyInFlight('The first request with this Idempotency-Key is still running. Repeat it shortly.', {
    retryAfterSeconds: 1,
  });
}

/** A refusal that would be the same next time is an answer too; what may pass is not kept, so that a repeat tries again. */
export const isFinal = (error: unknown): error is Problem =>
  error instanceof Problem && !['unavailable', 'timeout', 'limited'].includes(error.kind.category);

type OwnKey = { readonly principal: string; readonly route: string; readonly key: string };

const ownRow = (uow: TenantUnitOfWork<unknown>, own: OwnKey) =>
  (uow as TenantUnitOfWork).sql
    .selectFrom('idempotency_keys')
    .where('tenant_id', '=', uow.tenantUuid)
    .where('principal', '=', own.principal)
    .where('route', '=', own.route)
    .where('key', '=', own.key);

type Still = (builder: ExpressionBuilder<FoundationTables, 'idempotency_keys'>) => Expression<SqlBool>;

async function update(
  uow: TenantUnitOfWork<unknown>,
  own: OwnKey,
  set: Readonly<Record<string, unknown>>,
  still: Still = ({ lit }) => lit(true),
): Promise<void> {
  await (uow as TenantUnitOfWork).sql
    .updateTable('idempotency_keys')
    .set(set)
    .where('tenant_id', '=', uow.tenantUuid)
    .where('principal', '=', own.principal)
    .where('route', '=', own.route)
    .where('key', '=', own.key)
    .where(still)
    .execute();
}
