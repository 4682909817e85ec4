import type { ResponseOf } from '@tenantry/contract/endpoint.ts';
import { runWithContext } from '@tenantry/kernel/call-context.ts';
import { Problem } from '@tenantry/kernel/problem.ts';
import { forbidden, quotaExceeded } from '@tenantry/kernel/problems.ts';
import type { Mesh } from '@tenantry/mesh/client.ts';
import { consumeEntitlement, readEntitlements } from '@tenantry/subscriptions/contract/entitlements.ts';
import type { Verified } from '../../access/verified.ts';
import { BoundedCache } from '../../bounded-cache.ts';
import type { RouteEntitlement } from '../../contract/routes.ts';
import type { Exchange } from '../../edge/exchange.ts';

/** How long a plan that has changed may go on counting. */
const CHECK_LIFE_MS = 1_000;
const MAX_REMEMBERED = 10_000;
const TIMEOUT_MS = 2_000;

type Entitlements = ResponseOf<typeof readEntitlements>;
type Remembered = { readonly atMs: number; readonly entitlements: Entitlements };

export type EntitlementOptions = {
  readonly mesh: Pick<Mesh, 'call'>;
  readonly passportFor: (verified: Verified) => string;
  readonly monotonicMs: () => number;
};

/**
 * Asks subscriptions whether whoever calls may. A check is answered from memory for a second, and many at once for one
 * principal ask once. A use is counted once per request: its key is the request's, so that asking again counts nothing.
 */
export function createCheckEntitlement({ mesh, passportFor, monotonicMs }: EntitlementOptions) {
  const remembered = new BoundedCache<string, Remembered>(MAX_REMEMBERED);
  const underWay = new Map<string, Promise<Entitlements>>();

  const read = (key: string, verified: Verified): Promise<Entitlements> => {
    const asked = underWay.get(key);
    if (asked !== undefined) return asked;
    // Many may wait for it, so it has no single request's deadline.
    const asking = mesh
      .call(
        readEntitlements,
        {},
        { tenantId: verified.claims.tenantId, passport: passportFor(verified), timeoutMs: TIMEOUT_MS },
      )
      .then((entitlements) => {
        remembered.set(key, { atMs: monotonicMs(), entitlements });
        return entitlements;
      })
      .finally(() => underWay.delete(key));
    underWay.set(key, asking);
    return asking;
  };

  const consume = async (
    { traceparent, deadlineMs }: Exchange,
    verified: Verified,
    { feature, amount }: { readonly feature: string; readonly amount: number },
    requestId: string,
  ): Promise<void> => {
    try {
      await runWithContext({ traceparent, deadlineMs }, () =>
        mesh.call(
          consumeEntitlement,
          { params: { feature }, body: { amount } },
          {
            tenantId: verified.claims.tenantId,
            passport: passportFor(verified),
            idempotencyKey: `gateway-${requestId}`,
            timeoutMs: TIMEOUT_MS,
          },
        ),
      );
    } catch (error) {
      // That a plan lacks a feature is no fault of the address that was asked for.
      const code = error instanceof Problem ? error.kind.code : '';
      if (code === 'feature-not-found' || code === 'feature-not-metered') throw notIncluded(feature, error);
      throw error;
    }
  };

  return (exchange: Exchange, entitlement: RouteEntitlement, requestId: string): void | Promise<void> => {
    const { verified } = exchange;
    if (verified === null) throw new Error('Entitlement is checked after the token.');
    const { feature } = entitlement;
    if (entitlement.mode === 'consume')
      return consume(exchange, verified, { feature, amount: entitlement.amount ?? 1 }, requestId);
    const key = `${verified.claims.tenantId} ${verified.claims.userId}`;
    const known = remembered.get(key);
    if (known !== undefined && monotonicMs() - known.atMs < CHECK_LIFE_MS) return judge(known.entitlements, feature);
    return read(key, verified).then((entitlements) => judge(entitlements, feature));
  };
}

const notIncluded = (feature: string, cause?: unknown) =>
  forbidden(`Your plan does not include ${feature}. Choose one that does.`, { cause, extensions: { feature } });

function judge({ features, usage }: Entitlements, name: string): void {
  const feature = features.find((one) => one.feature === name);
  if (feature === undefined || feature.value === false || feature.value === 0) throw notIncluded(name);
  const used = usage.find((one) => one.feature === name);
  if (used === undefined || used.remaining === null || used.remaining > 0) return;
  throw quotaExceeded(`The quota ${name} is used up. It starts anew at ${used.resetsAt}.`, {
    extensions: { feature: name, limit: used.limit, used: used.used, resetsAt: used.resetsAt },
  });
}
