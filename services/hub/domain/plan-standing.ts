import type { SubscriptionId } from '@tenantry/kernel/id.ts';

/** What one of a tenant's subscriptions at tenant zero has last said of itself. */
export type PlanFact = {
  readonly subscriptionId: SubscriptionId;
  /** Of the subscription, as an aggregate: grows with everything that happens to it. */
  readonly version: number;
  /** The slug of the plan that it gives; null when it gives none (any more, or yet). */
  readonly plan: string | null;
};

type Heard = Omit<PlanFact, 'subscriptionId'>;

/** Everything that is known of a tenant's subscriptions, and the plan that follows from it. */
export type PlanStanding = {
  readonly plan: string | null;
  /** Grows whenever the plan becomes another one. 0: it never was. */
  readonly sequence: number;
  readonly subscriptions: Readonly<Record<SubscriptionId, Heard>>;
};

export const NOTHING_HEARD: PlanStanding = { plan: null, sequence: 0, subscriptions: {} };

/** Ended ones are remembered so that a late message does not bring them back; nobody is late by so many subscriptions. */
const MAX_ENDED = 100;

/**
 * Of each subscription the highest version counts, so the order in which facts arrive, and how often, changes nothing in
 * the end. Two of one tenant that both give a plan are one of which the end has not been heard yet: the younger counts.
 * @param nowMs sequences are at least this, so that they go on growing should what is remembered here be lost
 * @returns the same standing when the fact is not news
 */
export function hearFact(standing: PlanStanding, fact: PlanFact, nowMs: number): PlanStanding {
  const { subscriptionId, version, plan } = fact;
  const known = standing.subscriptions[subscriptionId];
  if (known !== undefined && known.version >= version) return standing;
  const subscriptions = forgetLongEnded({ ...standing.subscriptions, [subscriptionId]: { version, plan } });
  const given = youngestGiving(subscriptions);
  if (given === standing.plan) return { ...standing, subscriptions };
  return { plan: given, sequence: Math.max(standing.sequence + 1, nowMs), subscriptions };
}

type Subscriptions = PlanStanding['subscriptions'];

/** Ids sort by the time of their creation. */
const byAge = (subscriptions: Subscriptions): [string, Heard][] =>
  Object.entries(subscriptions).toSorted(([a], [b]) => (a < b ? -1 : 1));

const youngestGiving = (subscriptions: Subscriptions): string | null =>
  byAge(subscriptions).findLast(([, { plan }]) => plan !== null)?.[1].plan ?? null;

function forgetLongEnded(subscriptions: Subscriptions): Subscriptions {
  const ended = byAge(subscriptions).filter(([, { plan }]) => plan === null);
  const forgotten = new Set(ended.slice(0, Math.max(0, ended.length - MAX_ENDED)).map(([id]) => id));
  return forgotten.size === 0
    ? subscriptions
    : Object.fromEntries(Object.entries(subscriptions).filter(([id]) => !forgotten.has(id)));
}
