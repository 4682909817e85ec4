import type { HealthCheck } from '../contract/upstreams.ts';
import { type Refusal, refusalOf } from '../upstreams/failure.ts';
import type { Instance } from '../upstreams/instance.ts';

export type HealthProbes = { readonly stop: () => void };

/**
 * Asks every target by itself whether it is well, as often as its upstream says, as long as anybody uses it. Several
 * answers in a row decide, so that one lost packet takes nobody out.
 */
export function startHealthProbes(
  check: HealthCheck,
  instances: () => readonly Instance[],
  /** Headers that only this upstream may see, in turn with their values. */
  secretPairs: () => readonly string[] | null,
  isUsed: () => boolean,
): HealthProbes {
  const inARow = new WeakMap<Instance, { isWell: boolean; count: number }>();

  const probe = async (instance: Instance): Promise<void> => {
    let refusal: Refusal | null = null;
    const isWell = await instance.pool
      .request({
        method: 'GET',
        path: check.path,
        headers: ['user-agent', 'tenantry-health-check', ...(secretPairs() ?? [])],
        signal: AbortSignal.timeout(check.timeoutSeconds * 1_000),
      })
      .then(
        async ({ statusCode, body }) => {
          await body.dump();
          return statusCode >= 200 && statusCode < 300;
        },
        (error: unknown) => {
          refusal = refusalOf(error);
          return false;
        },
      );
    // Late is not unreachable: whoever took the connection is somebody.
    if (isWell || refusal !== null) instance.setRefusal(refusal);
    const before = inARow.get(instance);
    const count = before?.isWell === isWell ? before.count + 1 : 1;
    inARow.set(instance, { isWell, count });
    if (count >= (isWell ? check.healthyAfter : check.unhealthyAfter)) instance.setWell(isWell);
  };
  const round = (): void => {
    if (isUsed()) for (const instance of instances()) void probe(instance).catch(() => undefined);
  };
  const timer = setInterval(round, check.intervalSeconds * 1_000);
  timer.unref();
  round();
  return {
    stop() {
      clearInterval(timer);
      // Without a check nobody is held to be unwell.
      for (const instance of instances()) instance.setWell(true);
    },
  };
}
