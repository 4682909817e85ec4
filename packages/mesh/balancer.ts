import type { TenantId } from '@tenantry/kernel/id.ts';
import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import {
  type BreakerPermit,
  type BreakerTransition,
  CircuitBreaker,
  REFUSED,
} from '@tenantry/resilience/circuit-breaker.ts';
import { RecoveryRamp } from '@tenantry/resilience/recovery-ramp.ts';
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

const RAMP_MS = 2_000;
const RAMP_INITIAL_SHARE = 0.1;

export type BalancerOptions = {
  readonly onBreaker?: (service: string, instanceId: string, transition: BreakerTransition) => void;
  /** There was nobody to call: no instance at all, or only such as their breakers hold back. */
  readonly onNobody?: (service: string, areHeldBack: boolean) => void;
  readonly monotonicMs?: () => number;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
};

type Guard = { readonly breaker: CircuitBreaker; readonly ramp: RecoveryRamp };

/**
 * Instances in turn, those first that this call has not tried, none that its breaker holds back. One that has just
 * recovered gets a growing share of its turns and its peers the rest. Here and not in the breaker: a breaker that ramps
 * refuses, and with a single instance, or all of them back at once, there is nobody to take what it refuses.
 */
export function createBalancer(discovery: Discovery, options: BalancerOptions = {}) {
  const { monotonicMs = () => performance.now(), random = Math.random } = options;
  const guards = new Map<string, Guard>();
  const turns = new Map<string, number>();
  discovery.onChange(() => {
    const known = new Set(discovery.all().map((record) => record.instanceId));
    for (const instanceId of guards.keys()) if (!known.has(instanceId)) guards.delete(instanceId);
  });

  const guardOf = (service: string, instanceId: string): Guard => {
    const known = guards.get(instanceId);
    if (known !== undefined) return known;
    const breaker = new CircuitBreaker({ ...BREAKER, name: `The ${service} service`, monotonicMs });
    const ramp = new RecoveryRamp(RAMP_MS, RAMP_INITIAL_SHARE);
    breaker.onTransition((transition) => {
      if (transition.to === 'closed') ramp.begin(monotonicMs());
      else ramp.end();
      options.onBreaker?.(service, instanceId, transition);
    });
    const guard = { breaker, ramp };
    guards.set(instanceId, guard);
    return guard;
  };
  const isCold = (service: string, { instanceId }: InstanceRecord): boolean => {
    const { ramp } = guardOf(service, instanceId);
    return ramp.isClimbing && random() >= ramp.share(monotonicMs());
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
      const cold = fresh.length <= 1 ? [] : fresh.filter((instance) => isCold(service, instance));
      const warm = cold.length === 0 ? fresh : fresh.filter((instance) => !cold.includes(instance));
      for (const instance of [...warm, ...cold, ...again]) {
        const { breaker } = guardOf(service, instance.instanceId);
        const permit = breaker.tryAcquire();
        if (permit !== REFUSED) return { instance, breaker, permit };
        refusal ??= breaker.refusal();
      }
      options.onNobody?.(service, refusal !== undefined);
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
