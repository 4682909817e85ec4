import { idFromUuid } from '@tenantry/kernel/id.ts';
import { type Route, serve } from '@tenantry/kit/http/route.ts';
import * as endpoints from '../contract/tenant-subscription.ts';
import type { tenantSubscription } from '../use-cases/tenant-subscription.ts';
import { toPlanView, toSubscriptionView } from './views.ts';

export const tenantSubscriptionRoutes = ({
  tenantSubscription: use,
}: {
  readonly tenantSubscription: ReturnType<typeof tenantSubscription>;
}): readonly Route[] => [
  serve(endpoints.listTenantPlans, async () => ({ data: (await use.listPlans()).map(toPlanView), nextCursor: null })),
  serve(endpoints.readTenantSubscription, async ({ principal }) => toSubscriptionView(await use.read(principal))),
  serve(endpoints.orderTenantSubscription, async ({ principal, body, resourceUuid }) => {
    const { subscription, payment } = await use.order(principal, idFromUuid('sub', resourceUuid), {
      planId: body.planId,
      interval: body.interval ?? 'month',
      paymentMethod: body.paymentMethod ?? null,
    });
    return { ...toSubscriptionView(subscription), payment };
  }),
  serve(endpoints.cancelTenantSubscription, async ({ principal, body }) =>
    toSubscriptionView(await use.cancel(principal, body.at, body.subscriptionId)),
  ),
];
