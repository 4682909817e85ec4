import { formatInstant } from '@tenantry/kernel/instant.ts';
import { end, endPeriod, type RenewalIds } from './end-period.ts';
import type { SubscriptionEvent } from './events.ts';
import { activation } from './subscribe.ts';
import { evolveAll, isRunning, type Subscription } from './subscription.ts';

/** What billing told about an invoice. `version` grows with every fact of one invoice. */
export type InvoiceFact = {
  readonly kind: 'paid' | 'voided' | 'refunded-in-full' | 'payment-reversed';
  readonly invoiceId: string;
  readonly version: number;
};

export type Hearing = {
  readonly now: Temporal.Instant;
  readonly graceDays: number;
  readonly ids: RenewalIds;
  /** The subscriber has another subscription by now; only one may run. */
  readonly hasAnother: boolean;
};

/**
 * Events of billing may come twice and in any order. Only the newest invoice counts, and of it only what is newer than
 * what was heard before: so "paid" after "refunded" of the same invoice, heard the wrong way round, gives no features.
 */
export function hearInvoice(
  subscription: Subscription,
  fact: InvoiceFact,
  hearing: Hearing,
): readonly SubscriptionEvent[] {
  const { collection } = subscription;
  if (collection === null || collection.invoiceId !== fact.invoiceId) return [];
  if (fact.version <= collection.invoiceVersion) return [];
  switch (fact.kind) {
    case 'paid':
      return hearPaid(subscription, fact, hearing);
    case 'voided':
      // Of what was paid: the money had been taken back before, which was not heard or will be too late.
      return subscription.status === 'incomplete'
        ? [expiry('voided', fact, hearing)]
        : hearReversed(subscription, fact, hearing);
    case 'refunded-in-full':
      if (subscription.status === 'incomplete') return [expiry('refunded', fact, hearing)];
      return isRunning(subscription) ? end(subscription, 'refunded', hearing.now, fact.version) : note(fact);
    case 'payment-reversed':
      return hearReversed(subscription, fact, hearing);
  }
}

function hearPaid(subscription: Subscription, fact: InvoiceFact, hearing: Hearing): readonly SubscriptionEvent[] {
  switch (subscription.status) {
    case 'incomplete':
      return [activation(subscription, hearing.now, fact.version)];
    case 'incomplete_expired': {
      // Money that came late still buys what it was paid for, unless the subscriber has gone another way.
      const mayCome = subscription.reason !== 'refunded' && !hearing.hasAnother;
      return mayCome ? [activation(subscription, hearing.now, fact.version)] : note(fact);
    }
    case 'past_due': {
      const settled: readonly SubscriptionEvent[] = [
        { type: 'settled', data: { invoiceVersion: fact.version, at: formatInstant(hearing.now) } },
      ];
      // Paid after the end of its period: the next one begins in the same breath, nobody waits for a timer.
      return [...settled, ...endPeriod(evolveAll(subscription, settled), hearing)];
    }
    case 'active':
    case 'canceled':
      return note(fact);
  }
}

/** What was paid no longer is: a grace begins, unless one runs already. */
function hearReversed(subscription: Subscription, fact: InvoiceFact, hearing: Hearing): readonly SubscriptionEvent[] {
  if (subscription.status !== 'active') return note(fact);
  const graceEndsAt = formatInstant(hearing.now.add({ hours: 24 * hearing.graceDays }));
  const { graceId } = hearing.ids;
  return [
    {
      type: 'payment-reversed',
      data: { invoiceVersion: fact.version, graceId, graceEndsAt, at: formatInstant(hearing.now) },
    },
  ];
}

const expiry = (reason: 'voided' | 'refunded', fact: InvoiceFact, { now }: Hearing): SubscriptionEvent => ({
  type: 'expired',
  data: { reason, invoiceVersion: fact.version, at: formatInstant(now) },
});

const note = (fact: InvoiceFact): readonly SubscriptionEvent[] => [
  { type: 'invoice-noted', data: { invoiceVersion: fact.version, fact: fact.kind } },
];
