import type { TenantReader, TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';
import { appendToStream, readStream } from '@tenantry/events/event-store.ts';
import type { ReadModel } from '@tenantry/events/rebuild-read-model.ts';
import {
  type CustomerId,
  customerKindOf,
  type Id,
  idFromUuid,
  type SubscriptionId,
  uuidOf,
} from '@tenantry/kernel/id.ts';
import { sql } from 'kysely';
import type { SubscriptionEvent } from '../domain/events.ts';
import { evolve, evolveAll, isRunning, type Subscription } from '../domain/subscription.ts';
import type { SubscriptionRow, SubscriptionsTables } from './tables.ts';

type Uow = TenantUnitOfWork<SubscriptionsTables>;
type Reader = TenantReader<SubscriptionsTables>;

export type LoadedSubscription = {
  readonly id: SubscriptionId;
  readonly version: number;
  readonly state: Subscription;
};

/** What waits, runs or is owed: of these a subscriber has at most one (unique index `subscriptions_live`). */
const LIVE_STATUSES = ['incomplete', 'trialing', 'active', 'past_due', 'paused'] as const;
const BEGINS_WITH: SubscriptionEvent['type'] = 'created';

/** Replays one stream; null when there is no such subscription in this tenant. */
export async function loadSubscription(reader: Reader, id: SubscriptionId): Promise<LoadedSubscription | null> {
  const stored = await readStream(reader as TenantReader, id);
  const last = stored.at(-1);
  if (last === undefined) return null;
  // Nothing but `appendSubscription` writes these streams, so what is read has the types that were written.
  return { id, version: last.version, state: evolveAll(null, stored as unknown as SubscriptionEvent[]) };
}

/** The row that shows a subscription: a function of its stream alone, so that a rebuild gives the same bytes. */
export function toRow(tenantUuid: string, { id, version, state }: LoadedSubscription): SubscriptionRow {
  const hasRun = isRunning(state) || state.status === 'canceled';
  const grace = state.status === 'past_due' ? state.grace : null;
  return {
    tenant_id: tenantUuid,
    id: uuidOf(id),
    version,
    status: state.status,
    subscriber_kind: customerKindOf(state.subscriberId as CustomerId),
    subscriber_id: uuidOf(state.subscriberId as Id),
    plan_id: uuidOf(state.planId as Id),
    plan_slug: state.planSlug,
    price_minor: state.price.minor,
    currency: state.price.currency,
    interval: state.interval,
    anchor_at: hasRun ? state.anchor.at : null,
    time_zone: hasRun ? state.anchor.timeZone : null,
    period_index: hasRun ? state.periodIndex : null,
    period_start: hasRun ? state.period.start : null,
    period_end: hasRun ? state.period.end : null,
    cancel_at_period_end: hasRun && state.cancelAtPeriodEnd,
    canceled_at: state.status === 'canceled' ? state.canceledAt : null,
    latest_invoice_id: state.collection === null ? null : uuidOf(state.collection.invoiceId as Id),
    grace_id: grace === null ? null : uuidOf(grace.id as Id),
    grace_ends_at: grace?.endsAt ?? null,
    created_at: state.createdAt,
  };
}

/** Appends to the stream and shows the result in the read table. A lost race runs the unit of work again. */
export async function appendSubscription(
  uow: Uow,
  id: SubscriptionId,
  before: LoadedSubscription | null,
  events: readonly SubscriptionEvent[],
): Promise<LoadedSubscription> {
  const version = await appendToStream(uow as TenantUnitOfWork, id, before?.version ?? 0, events);
  const after = { id, version, state: evolveAll(before?.state ?? null, events) };
  await writeRow(uow, toRow(uow.tenantUuid, after));
  return after;
}

/** An older version never replaces a newer one, so a rebuild may run beside writers. */
async function writeRow(uow: Uow, row: SubscriptionRow): Promise<void> {
  const { tenant_id: _tenant, id: _id, ...shown } = row;
  await uow.sql
    .insertInto('subscriptions')
    .values(row)
    .onConflict((conflict) =>
      conflict
        .columns(['tenant_id', 'id'])
        .doUpdateSet(shown)
        .where(sql<boolean>`subscriptions.version <= excluded.version`),
    )
    .execute();
}

/** For a rebuild. A row that is written meanwhile is right already. */
export const subscriptionReadModel: ReadModel<SubscriptionsTables, Subscription> = {
  evolve: (subscription, event) =>
    subscription === null && event.type !== BEGINS_WITH
      ? null
      : evolve(subscription, event as unknown as SubscriptionEvent),
  write: async (uow, folded) => {
    await Promise.all(
      folded.map(({ uuid, version, state }) =>
        writeRow(uow, toRow(uow.tenantUuid, { id: idFromUuid('sub', uuid), version, state })),
      ),
    );
  },
};

const own = (reader: Reader) =>
  reader.sql.selectFrom('subscriptions').selectAll().where('tenant_id', '=', reader.tenantUuid);

export const findRow = (reader: Reader, id: SubscriptionId): Promise<SubscriptionRow | undefined> =>
  own(reader).where('id', '=', uuidOf(id)).executeTakeFirst();

export const findLiveRow = (reader: Reader, subscriberId: string): Promise<SubscriptionRow | undefined> =>
  own(reader)
    .where('subscriber_id', '=', uuidOf(subscriberId as Id))
    .where('status', 'in', [...LIVE_STATUSES])
    .executeTakeFirst();

/** The live one, else the newest. An order that ended can come to life again (late money), so the newest alone would not do. */
export const findLatestRow = (reader: Reader, subscriberId: string): Promise<SubscriptionRow | undefined> =>
  own(reader)
    .where('subscriber_id', '=', uuidOf(subscriberId as Id))
    .orderBy((row) => row('status', 'in', [...LIVE_STATUSES]), 'desc')
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst();

/** By the uuid of its newest invoice, or of the grace that runs: what due rows are about. */
export async function findIdBy(
  reader: Reader,
  column: 'latest_invoice_id' | 'grace_id',
  uuid: string,
): Promise<SubscriptionId | null> {
  const row = await reader.sql
    .selectFrom('subscriptions')
    .select('id')
    .where('tenant_id', '=', reader.tenantUuid)
    .where(column, '=', uuid)
    .executeTakeFirst();
  return row === undefined ? null : idFromUuid('sub', row.id);
}

/** Newest first, one more than `limit` so that the caller knows whether more follow. */
export function listRows(
  reader: Reader,
  page: { readonly beforeUuid: string | null; readonly limit: number; readonly subscriberId: string | null },
): Promise<SubscriptionRow[]> {
  let query = own(reader);
  if (page.subscriberId !== null) query = query.where('subscriber_id', '=', uuidOf(page.subscriberId as Id));
  if (page.beforeUuid !== null) query = query.where('id', '<', page.beforeUuid);
  return query
    .orderBy('id', 'desc')
    .limit(page.limit + 1)
    .execute();
}
