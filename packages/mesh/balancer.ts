import type { TenantId } from '@tenantry/kernel/id.ts';
import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import { type BreakerPermit, CircuitBreaker, REFUSED } from '@tenantry/resilience/circuit-breaker.ts';
import type { Discovery } from './discovery.ts';
import type { InstanceRecord } from './registry.ts';

/** An instance that may be called now. Give the permit back once, to its breaker. */
export type Turn = {
  readonly instance: InstanceRecord;
  readonly breaker: CircuitBreaker;
  readonly permit: BreakerPermit;
};

/** A handful of calls must do: an instance that died takes down a share of everything until the registry drops it. */
const BREAKER = { minimumCalls: 5, windowMs: 10_000, openMs: 2_000, halfOpenCalls: 2, halfOpenMs: 5_000 } as const;

/** Instances in turn, those first that this call has not tried, none that its breaker holds back. */
export function createBalancer(discovery: Discovery) {
  const breakers = new Map<string, CircuitBreaker>();
  const turns = new Map<string, number>();
  discovery.onChange(() => {
    const known = new Set(discovery.all().map((record) => record.instanceId));
    for (const instanceId of breakers.keys()) if (!known.has(instanceId)) breakers.delete(instanceId);
  });

  const breakerOf = (service: string, instanceId: string): CircuitBreaker => {
    let breaker = breakers.get(instanceId);
    if (breaker === undefined) {
      breaker = new CircuitBreaker({ ...BREAKER, name: `The ${service} service` });
      breakers.set(instanceId, breaker);
    }
    return breaker;
  };

  return {
    /** Throws `upstream-unavailable` when there is nobody to call. */
    next(service: string, tenantId: TenantId, tried: ReadonlySet<string>): Turn {
      const instances = discovery.instancesOf(service, tenantId);
      const turn = (turns.get(service) ?? -1) + 1;
      turns.set(service, turn);
      const first = whoseTurn(instances, turn);
      const inTurn = instances.map((_, index) => instances[(first + index) % instances.length] as InstanceRecord);
      const [again = [], fresh = []] = [true, false].map((wasTried) =>
        inTurn.filter((instance) => tried.has(instance.instanceId) === wasTried),
      );
      let refusal: Error | undefined;
      for (const instance of [...fresh, ...again]) {
        const breaker = breakerOf(service, instance.instanceId);
        const permit = breaker.tryAcquire();
        if (permit !== REFUSED) return { instance, breaker, permit };
        refusal ??= breaker.refusal();
      }
      throw (
        refusal ??
        upstreamUnavailable(`The ${service} service is not there right now. Try again shortly.`, {
          retryAfterSeconds: 1,
        })
      );
    },
  };
}

/** Of as many turns as all weights together, an instance has as many as its own weight. */
function whoseTurn(instances: readonly InstanceRecord[], turn: number): number {
  let left = turn % instances.reduce((sum, { weight = 1 }) => sum + weight, 0);
  return instances.findIndex(({ weight = 1 }) => {
    left -= weight;
    return left < 0;
  });
}
