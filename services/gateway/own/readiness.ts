import type { Logger } from '@tenantry/kit/logger.ts';
import type { Upstreams } from '../upstreams/upstreams.ts';

const PROBE_MS = 250;
const PROBE_TIMEOUT_MS = 1_000;

export type Readiness = {
  readonly isReady: () => boolean;
  /** Required services that have not been ready yet. */
  readonly missing: () => readonly string[];
  /** Resolves when it is ready for the first time. */
  readonly ready: Promise<void>;
  readonly close: () => Promise<void>;
};

/**
 * Ready for the first time means: every required service was in the registry and said it was ready. After that it stays
 * ready: a part that fails later is the business of routing, and taking the only door away would help nobody.
 */
export function watchReadiness(options: {
  readonly required: readonly string[];
  readonly upstreams: Upstreams;
  readonly logger: Logger;
}): Readiness {
  const missing = new Set(options.required);
  let isClosed = false;
  const { promise: ready, resolve } = Promise.withResolvers<void>();

  const probe = async (service: string): Promise<void> => {
    for (const instance of options.upstreams.instancesOf(service)) {
      const answer = await instance.pool
        .request({ method: 'GET', path: '/health/ready', signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) })
        .catch(() => null);
      await answer?.body.dump().catch(() => undefined);
      if (answer?.statusCode === 200) {
        missing.delete(service);
        return;
      }
    }
  };
  const loop = (async () => {
    while (!isClosed && missing.size > 0) {
      await Promise.all([...missing].map(probe));
      if (missing.size > 0) await options.upstreams.nextChange(PROBE_MS);
    }
    if (isClosed) return;
    resolve();
    options.logger.info('every required service has been ready');
  })();

  return {
    ready,
    isReady: () => missing.size === 0,
    missing: () => [...missing].toSorted(),
    close: async () => {
      isClosed = true;
      await loop;
    },
  };
}
