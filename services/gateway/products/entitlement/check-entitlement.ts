import type { ResponseOf } from '@tenantry/contract/endpoint.ts';
import { quotaExceeded } from '@tenantry/kernel/problems.ts';
import type { Mesh } from '@tenantry/mesh/client.ts';
import { readEntitlements } from '@tenantry/subscriptions/contract/entitlements.ts';
import type { Verified } from '../../access/verified.ts';
import { BoundedCache } from '../../bounded-cache.ts';
import type { RouteEntitlement } from '../../contract/routes.ts';
import type { Exchange } from '../../edge/exchange.ts';
import { createConsume, notIncluded, type Use } from './consume.ts';
import type { GiveBacks } from './give-backs.ts';
import type { UseJournal } from './use-journal.ts';

/** How long a plan that has changed may go on counting. */
const CHECK_LIFE_MS = 1_000;
const MAX_REMEMBERED = 10_000;
const TIMEOUT_MS = 2_000;

type Entitlements = ResponseOf<typeof readEntitlements>;
type Remembered = { readonly atMs: number; readonly entitlements: Entitlements };

export type EntitlementOptions = {
  readonly mesh: Pick<Mesh, 'call'>;
  readonly giveBacks: Pick<GiveBacks, 'add'>;
  readonly journal: Pick<UseJournal, 'note'>;
  readonly passportFor: (verified: Verified) => string;
  readonly monotonicMs: () => number;
};

/**
 * Asks subscriptions whether whoever calls may. A check is answered from memory for a second, and many at once for one
 * principal ask once. A use is counted every time, and can be given back.
 */
export function createCheckEntitlement({ mesh, giveBacks, journal, passportFor, monotonicMs }: EntitlementOptions) {
  const consume = createConsume({ mesh, giveBacks, journal });
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

  return (exchange: Exchange, entitlement: RouteEntitlement, requestId: string): null | Promise<Use | null> => {
    const { verified } = exchange;
    if (verified === null) throw new Error('Entitlement is checked after the token.');
    const { feature } = entitlement;
    if (entitlement.mode === 'consume')
      return consume(exchange, verified, { feature, amount: entitlement.amount ?? 1 }, requestId);
    const key = `${verified.claims.tenantId} ${verified.claims.userId}`;
    const known = remembered.get(key);
    if (known !== undefined && monotonicMs() - known.atMs < CHECK_LIFE_MS) {
      judge(known.entitlements, feature);
      return null;
    }
    return read(key, verified).then((entitlements) => {
      judge(entitlements, feature);
      return null;
    });
  };
}

function judge({ features, usage }: Entitlements, name: string): void {
  const feature = features.find((one) => one.feature === name);
  if (feature === undefined || feature.value === false || feature.value === 0) throw notIncluded(name);
  const used = usage.find((one) => one.feature === name);
  if (used === undefined || used.remaining === null || used.remaining > 0) return;
  throw quotaExceeded(`The quota ${name} is used up. It starts anew at ${used.resetsAt}.`, {
    extensions: { feature: name, limit: used.limit, used: used.used, resetsAt: used.resetsAt },
  });
}
