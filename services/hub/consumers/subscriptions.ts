import { type BareConsumerOptions, startBareConsumer } from '@tenantry/events/bare-consumer.ts';
import type { Nats } from '@tenantry/events/nats.ts';
import { PLATFORM_TENANT_ID } from '@tenantry/kernel/id.ts';
import type { Logger } from '@tenantry/kit/logger.ts';
import { subscriptionActivated } from '@tenantry/subscriptions/contract/events.ts';
import type { followSubscription } from '../use-cases/follow-subscription.ts';
import { readPlanFact } from './plan-facts.ts';

/**
 * Hears what becomes of subscriptions at tenant zero, where tenants themselves subscribe. The hub has no database for an
 * inbox and needs none: a fact counts by its version, whenever and however often it is heard.
 */
export function startSubscriptionConsumer(deps: {
  readonly nats: Nats;
  readonly follow: ReturnType<typeof followSubscription>;
  readonly logger: Logger;
}): { readonly stop: () => Promise<void> } {
  const { nats, follow, logger } = deps;
  const handle: BareConsumerOptions['handle'] = async (event) => {
    let about: ReturnType<typeof readPlanFact>;
    try {
      about = readPlanFact(event);
    } catch (error) {
      // It would be no better the next time; and the next fact about the same subscription says all again.
      logger.error({ err: error, eventId: event.id, subscriptionId: event.subject }, 'a plan cannot be followed');
      return;
    }
    if (about !== null) await follow(about.tenantId, about.fact);
  };
  return startBareConsumer({
    nats,
    service: 'hub',
    source: subscriptionActivated.service,
    aggregate: subscriptionActivated.aggregate,
    tenantId: PLATFORM_TENANT_ID,
    handle,
    onError: (error, event) =>
      logger.warn({ err: error, eventId: event?.id, subscriptionId: event?.subject }, 'plans of tenants wait'),
  });
}
