import { uuidOf } from '@tenantry/kernel/id.ts';
import { type Route, serve } from '@tenantry/kit/http/route.ts';
import * as endpoints from '../contract/uses.ts';
import type { consumeEntitlement } from '../use-cases/consume-entitlement.ts';
import type { releaseUse } from '../use-cases/release-use.ts';
import { toUsageView } from './views.ts';

export type UseUseCases = {
  readonly consumeEntitlement: ReturnType<typeof consumeEntitlement>;
  readonly releaseUse: ReturnType<typeof releaseUse>;
};

/** What other services count and give back for those who ask them. */
export const useRoutes = (use: UseUseCases): readonly Route[] => [
  serve(endpoints.countUse, async ({ principal, params, body }) => {
    const subscriber = { tenantId: principal.tenantId, id: body.subscriberId };
    const { feature, amount } = body;
    return toUsageView(await use.consumeEntitlement(subscriber, { uuid: uuidOf(params.usageId), feature, amount }));
  }),
  serve(endpoints.releaseUse, async ({ principal, params, body }) => {
    await use.releaseUse(principal.tenantId, { usageId: params.usageId, ...body });
    return undefined;
  }),
];
