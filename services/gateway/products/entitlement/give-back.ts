import { runInBackground } from '@tenantry/kernel/call-context.ts';
import type { TenantId, UserId } from '@tenantry/kernel/id.ts';
import { isTransient } from '@tenantry/kernel/problem.ts';
import type { Logger } from '@tenantry/kit/logger.ts';
import type { Mesh } from '@tenantry/mesh/client.ts';
import { releaseUse } from '@tenantry/subscriptions/contract/uses.ts';

export type CountedUse = {
  readonly usageId: `usg_${string}`;
  readonly tenantId: TenantId;
  readonly subscriberId: UserId;
  readonly feature: string;
  /** Of the request that it was counted for. */
  readonly traceparent: string;
};

/** Asks subscriptions to give a use back, which it does once however often it is asked. False when asking again may help. */
export type GiveBack = (use: CountedUse) => Promise<boolean>;

const TIMEOUT_MS = 2_000;

export const createGiveBack =
  ({ mesh, logger }: { readonly mesh: Pick<Mesh, 'call'>; readonly logger: Logger }): GiveBack =>
  async ({ usageId, tenantId, subscriberId, feature, traceparent }) => {
    try {
      // The request's own deadline may have passed: that may be why it came to nothing.
      await runInBackground(traceparent, () =>
        mesh.call(
          releaseUse,
          { params: { usageId }, body: { subscriberId, feature } },
          { tenantId, onBehalfOf: subscriberId, timeoutMs: TIMEOUT_MS },
        ),
      );
      return true;
    } catch (error) {
      const mayHelp = isTransient(error);
      if (!mayHelp) logger.error({ err: error, usageId }, 'a use was refused to be given back; it stays counted');
      return !mayHelp;
    }
  };
