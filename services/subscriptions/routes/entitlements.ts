import type { UserId } from '@tenantry/kernel/id.ts';
import { type Route, serve } from '@tenantry/kit/http/route.ts';
import * as endpoints from '../contract/entitlements.ts';
import type { consumeEntitlement } from '../use-cases/consume-entitlement.ts';
import type { readEntitlements } from '../use-cases/read-entitlements.ts';
import type { readUsage } from '../use-cases/read-usage.ts';
import { toUsageView } from './views.ts';

export type EntitlementUseCases = {
  readonly readEntitlements: ReturnType<typeof readEntitlements>;
  readonly consumeEntitlement: ReturnType<typeof consumeEntitlement>;
  readonly readUsage: ReturnType<typeof readUsage>;
};

export const entitlementRoutes = (use: EntitlementUseCases): readonly Route[] => [
  serve(endpoints.readEntitlements, async ({ principal }) => {
    const { planSlug, features, usage } = await use.readEntitlements(principal);
    return {
      subscriberId: principal.id as UserId,
      planSlug,
      features: features.map((feature) => ({ ...feature })),
      usage: usage.map(toUsageView),
    };
  }),
  serve(endpoints.consumeEntitlement, async ({ principal, params, body, resourceUuid }) =>
    toUsageView(
      await use.consumeEntitlement(principal, { uuid: resourceUuid, feature: params.feature, amount: body.amount }),
    ),
  ),
  serve(endpoints.readUsage, async ({ principal, query }) => ({
    data: (await use.readUsage(principal, query)).map((day) => ({ ...day })),
    nextCursor: null,
  })),
];
