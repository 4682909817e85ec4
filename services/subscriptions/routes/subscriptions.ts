import { idFromUuid } from '@tenantry/kernel/id.ts';
import { type Route, serve } from '@tenantry/kit/http/route.ts';
import * as endpoints from '../contract/subscriptions.ts';
import type { cancelSubscription } from '../use-cases/cancel-subscription.ts';
import type { createSubscription } from '../use-cases/create-subscription.ts';
import type { listSubscriptions } from '../use-cases/list-subscriptions.ts';
import type { readSubscription } from '../use-cases/read-subscription.ts';
import { toSubscriptionView } from './views.ts';

export type SubscriptionUseCases = {
  readonly createSubscription: ReturnType<typeof createSubscription>;
  readonly listSubscriptions: ReturnType<typeof listSubscriptions>;
  readonly readSubscription: ReturnType<typeof readSubscription>;
  readonly cancelSubscription: ReturnType<typeof cancelSubscription>;
};

export const subscriptionRoutes = (use: SubscriptionUseCases): readonly Route[] => [
  serve(endpoints.createSubscription, async ({ principal, body, resourceUuid }) => {
    const { subscription, payment } = await use.createSubscription(principal, idFromUuid('sub', resourceUuid), {
      planId: body.planId,
      interval: body.interval ?? 'month',
      paymentMethod: body.paymentMethod ?? null,
    });
    return { ...toSubscriptionView(subscription), payment };
  }),
  serve(endpoints.listSubscriptions, async ({ principal, query }) => {
    const { data, nextCursor } = await use.listSubscriptions(principal, query);
    return { data: data.map(toSubscriptionView), nextCursor };
  }),
  serve(endpoints.readSubscription, async ({ principal, params }) =>
    toSubscriptionView(await use.readSubscription(principal, params.subscriptionId)),
  ),
  serve(endpoints.cancelSubscription, async ({ principal, params, body }) =>
    toSubscriptionView(await use.cancelSubscription(principal, params.subscriptionId, body.at)),
  ),
];
