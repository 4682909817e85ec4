import type { TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';
import { emit } from '@tenantry/events/emit.ts';
import type { CustomerId, InvoiceId, PlanId } from '@tenantry/kernel/id.ts';
import { formatInstant } from '@tenantry/kernel/instant.ts';
import {
  periodClosed,
  subscriptionActivated,
  subscriptionCanceled,
  subscriptionCreated,
  subscriptionExpired,
  subscriptionPastDue,
} from '../contract/events.ts';
import type { SubscriptionEvent } from '../domain/events.ts';
import { isRunning } from '../domain/subscription.ts';
import type { LoadedSubscription } from '../store/subscriptions.ts';
import type { SubscriptionsUow } from './deps.ts';

/** What others hear of a domain event. Facts that concern nobody else stay inside. */
export async function tell(
  uow: SubscriptionsUow,
  { id, state, version }: LoadedSubscription,
  event: SubscriptionEvent,
): Promise<void> {
  const outbox = uow as TenantUnitOfWork;
  const fact = {
    subscriptionId: id,
    planId: state.planId as PlanId,
    subscriberId: state.subscriberId as CustomerId,
    planSlug: state.planSlug,
  };
  const about = { subject: id, version };
  switch (event.type) {
    case 'created':
      return emit(outbox, subscriptionCreated, {
        ...about,
        data: { ...fact, invoiceId: (event.data.invoiceId ?? null) as InvoiceId | null },
      });
    case 'activated':
    case 'renewed':
    case 'settled':
      if (!isRunning(state)) return;
      return emit(outbox, subscriptionActivated, {
        ...about,
        data: {
          ...fact,
          periodStart: formatInstant(state.period.start),
          periodEnd: formatInstant(state.period.end),
        },
      });
    case 'renewal-started':
    case 'payment-reversed':
      return emit(outbox, subscriptionPastDue, { ...about, data: fact });
    case 'canceled':
      return emit(outbox, subscriptionCanceled, { ...about, data: fact });
    case 'expired':
      return emit(outbox, subscriptionExpired, { ...about, data: fact });
    case 'period-closed': {
      const { periodStart, periodEnd, usage, amountDue } = event.data;
      return emit(outbox, periodClosed, {
        ...about,
        data: { ...fact, periodStart, periodEnd, usage: [...usage], amountDue },
      });
    }
    default:
  }
}
