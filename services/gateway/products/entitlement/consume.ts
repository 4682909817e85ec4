import { type Grant, isAllowed } from '@tenantry/auth/permissions.ts';
import { idFromUuid, type UserId } from '@tenantry/kernel/id.ts';
import { isTransient, Problem } from '@tenantry/kernel/problem.ts';
import { forbidden } from '@tenantry/kernel/problems.ts';
import type { Mesh } from '@tenantry/mesh/client.ts';
import { consumeEntitlement } from '@tenantry/subscriptions/contract/entitlements.ts';
import { countUse } from '@tenantry/subscriptions/contract/uses.ts';
import type { Verified } from '../../access/verified.ts';
import type { Exchange } from '../../edge/exchange.ts';
import { runInExchange } from '../../traces/run-in-exchange.ts';
import type { CountedUse } from './give-back.ts';
import type { GiveBacks } from './give-backs.ts';
import type { UseJournal } from './use-journal.ts';

const TIMEOUT_MS = 2_000;

/** What a request has used up. */
export type Use = {
  /** The request came to nothing: it never reached the product. Said twice it is done once. */
  readonly giveBack: () => void;
  /** The product may hear of it from here on. */
  readonly begun: () => void;
};

export type ConsumeOptions = {
  readonly mesh: Pick<Mesh, 'call'>;
  readonly giveBacks: Pick<GiveBacks, 'add'>;
  readonly journal: Pick<UseJournal, 'note'>;
};

export const notIncluded = (feature: string, cause?: unknown) =>
  forbidden(`Your plan does not include ${feature}. Choose one that does.`, { cause, extensions: { feature } });

/**
 * Counts one use under an id of the request's own, so that asking again counts nothing. Where the answer is lost nobody
 * knows whether it was counted; as the request does not go on then, it is given back like one that was.
 */
export const createConsume =
  ({ mesh, giveBacks, journal }: ConsumeOptions) =>
  async (
    exchange: Exchange,
    { principal, claims }: Verified,
    { feature, amount }: { readonly feature: string; readonly amount: number },
    requestId: string,
  ): Promise<Use> => {
    checkMayConsume(principal.grants);
    const subscriberId = principal.id as UserId;
    const { tenantId } = claims;
    const use: CountedUse = {
      usageId: idFromUuid('usg', requestId),
      tenantId,
      subscriberId,
      feature,
      traceparent: exchange.traceparent,
    };
    const noted = journal.note(use);
    let isOpen = true;
    const giveBack = (): void => {
      if (isOpen) giveBacks.add(use, noted.settle);
      isOpen = false;
    };
    try {
      await runInExchange(exchange, 'count a use', () =>
        mesh.call(
          countUse,
          { params: { usageId: use.usageId }, body: { subscriberId, feature, amount } },
          { tenantId, onBehalfOf: subscriberId, timeoutMs: TIMEOUT_MS },
        ),
      );
      return { giveBack, begun: noted.settle };
    } catch (error) {
      if (isTransient(error)) giveBack();
      else noted.settle();
      // That a plan lacks a feature is no fault of the address that was asked for.
      const code = error instanceof Problem ? error.kind.code : '';
      if (code === 'feature-not-found' || code === 'feature-not-metered') throw notIncluded(feature, error);
      throw error;
    }
  };

/** The same as for somebody who asks subscriptions themselves. */
function checkMayConsume(grants: readonly string[]): void {
  const { permission, reach } = consumeEntitlement;
  if (permission === null || reach === null || isAllowed(grants as readonly Grant[], permission, reach)) return;
  throw forbidden(
    `This needs the permission ${permission}, which your roles do not give. Ask an admin of your tenant.`,
    {
      extensions: { requiredPermission: permission },
    },
  );
}
