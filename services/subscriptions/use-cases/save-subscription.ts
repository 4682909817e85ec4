import type { Principal } from '@tenantry/auth/principal.ts';
import type { TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';
import { type Id, type SubscriptionId, uuidOf } from '@tenantry/kernel/id.ts';
import { parseInstant } from '@tenantry/kernel/instant.ts';
import { recordAudit } from '@tenantry/kit/audit.ts';
import { schedule } from '@tenantry/kit/due/schedule.ts';
import { abandonedCollection, nextFollowUp } from '../domain/collection.ts';
import type { SubscriptionEvent } from '../domain/events.ts';
import { evolve, type Subscription } from '../domain/subscription.ts';
import { listFeatures } from '../store/plans.ts';
import { appendSubscription, type LoadedSubscription } from '../store/subscriptions.ts';
import { closeCounters } from '../store/usage.ts';
import { DUE, type SubscriptionsUow } from './deps.ts';
import { tell } from './tell.ts';

/** A request asks for its payment itself; the due row takes over from one that died on the way. */
const COLLECT_AFTER_REQUEST = { seconds: 15 };

/** A collection that was asked for a moment ago may still be on its way to billing: ending it has to come after it. */
const END_AFTER_REQUEST = { seconds: 30 };

/** Everything that comes of a decision, in one unit of work: stream, read row, told facts, obligations, audit. */
export async function saveSubscription(
  uow: SubscriptionsUow,
  id: SubscriptionId,
  before: LoadedSubscription | null,
  decided: readonly SubscriptionEvent[],
  by: { readonly principal: Principal; readonly action: string },
): Promise<LoadedSubscription> {
  const events: SubscriptionEvent[] = [];
  for (const event of decided) events.push(await withUsage(uow, id, before?.state ?? null, event));
  const after = await appendSubscription(uow, id, before, events);
  let state = before?.state ?? null;
  for (const [index, event] of events.entries()) {
    const abandoned = abandonedCollection(state, event);
    state = evolve(state, event);
    await tell(uow, { id, state, version: (before?.version ?? 0) + index + 1 }, event);
    await oblige(uow, id, state, event);
    if (abandoned !== null) {
      const dueAt = abandoned.isAccepted ? uow.now : uow.now.add(END_AFTER_REQUEST);
      await schedule(uow as TenantUnitOfWork, DUE.endCollection, abandoned.invoiceId as Id, dueAt);
    }
  }
  await recordAudit(uow as TenantUnitOfWork, by.principal, {
    action: by.action,
    resource: id,
    detail: { status: after.state.status, events: events.map((event) => event.type) },
  });
  return after;
}

/** Totals what was used in a period that ends, under the lock that sends later uses to the next one. */
async function withUsage(
  uow: SubscriptionsUow,
  id: SubscriptionId,
  state: Subscription | null,
  event: SubscriptionEvent,
): Promise<SubscriptionEvent> {
  if (event.type !== 'period-closed' || state === null) return event;
  const features = await listFeatures(uow, { uuid: uuidOf(state.planId as Id) });
  const quotas = features.filter(({ kind }) => kind === 'quota').map(({ feature }) => feature);
  const key = {
    subscriberUuid: uuidOf(state.subscriberId as Id),
    grantedBy: uuidOf(id),
    periodStart: parseInstant(event.data.periodStart),
  };
  return { ...event, data: { ...event.data, usage: await closeCounters(uow, key, quotas) } };
}

/** What must happen later because of this event. */
async function oblige(
  uow: SubscriptionsUow,
  id: SubscriptionId,
  state: Subscription,
  event: SubscriptionEvent,
): Promise<void> {
  const later = (kind: string, subject: string, dueAt: Temporal.Instant): Promise<void> =>
    schedule(uow as TenantUnitOfWork, kind, subject as Id, dueAt);
  switch (event.type) {
    case 'created':
      if (state.collection === null) break;
      await later(DUE.collect, state.collection.invoiceId, uow.now.add(COLLECT_AFTER_REQUEST));
      await later(DUE.followOrder, id, nextFollowUp(state.collection, uow.now));
      break;
    case 'activated':
      await later(DUE.periodEnd, id, parseInstant(event.data.periodEnd));
      break;
    case 'renewal-started':
      await later(DUE.collect, event.data.invoiceId, uow.now);
      await later(DUE.graceEnd, event.data.graceId, parseInstant(event.data.graceEndsAt));
      break;
    case 'payment-reversed':
      await later(DUE.graceEnd, event.data.graceId, parseInstant(event.data.graceEndsAt));
      break;
    default:
  }
}
