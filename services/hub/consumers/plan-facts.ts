import type { EventDefinition, EventEnvelope } from '@tenantry/contract/event.ts';
import { SlugSchema } from '@tenantry/contract/schemas.ts';
import { isId, PLATFORM_TENANT_ID, type TenantId } from '@tenantry/kernel/id.ts';
import {
  subscriptionActivated,
  subscriptionCanceled,
  subscriptionExpired,
  subscriptionPastDue,
} from '@tenantry/subscriptions/contract/events.ts';
import { Value } from 'typebox/value';
import type { PlanFact } from '../domain/plan-standing.ts';

/** A plan goes on while a renewal is unpaid: what is past due has its grace, and the end of that is told. */
const GIVING: ReadonlySet<string> = new Set([subscriptionActivated.type, subscriptionPastDue.type]);
const ENDING: ReadonlySet<string> = new Set([subscriptionCanceled.type, subscriptionExpired.type]);

/** For the catalogue of events: who hears what. */
export const HEARD: readonly EventDefinition[] = [
  subscriptionActivated,
  subscriptionPastDue,
  subscriptionCanceled,
  subscriptionExpired,
];

/**
 * What an event says of the plan of a tenant: null when it says nothing of it, because its subscriber is a person or
 * because it neither begins nor ends anything. Only what is needed is looked at, so that a newer version of the event,
 * with fields that this hub does not know, is heard all the same.
 * @throws when it should say something and does not
 */
export function readPlanFact(event: EventEnvelope): { readonly tenantId: TenantId; readonly fact: PlanFact } | null {
  const { type, tenantid, subject, aggregateversion, data } = event;
  const isGiving = GIVING.has(type);
  if (tenantid !== PLATFORM_TENANT_ID || !(isGiving || ENDING.has(type))) return null;
  const { subscriberId, planSlug } = (data ?? {}) as { subscriberId?: unknown; planSlug?: unknown };
  if (typeof subscriberId !== 'string' || !isId('ten', subscriberId)) return null;
  if (!isId('sub', subject)) throw new Error(`The event is about ${subject}, which is no subscription.`);
  if (!Number.isSafeInteger(aggregateversion)) throw new Error('The event does not say which version it made.');
  const about = { subscriptionId: subject, version: aggregateversion };
  if (!isGiving) return { tenantId: subscriberId, fact: { ...about, plan: null } };
  if (!Value.Check(SlugSchema, planSlug)) throw new Error('The event does not say which plan it gives (planSlug).');
  return { tenantId: subscriberId, fact: { ...about, plan: planSlug } };
}
