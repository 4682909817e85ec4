import { HEARTBEAT_MS } from '@tenantry/kit/lifecycle/registration.ts';
import type { Logger } from '@tenantry/kit/logger.ts';
import type { Leases } from '../use-cases/leases.ts';
import type { Registry } from '../use-cases/registry.ts';

const SWEEP_MS = 500;

/** Looks at the leases twice a second, one look at a time. */
export function startSweeper(
  registry: Registry,
  leases: Leases,
  logger: Logger,
): { readonly stop: () => Promise<void> } {
  let running: Promise<void> = Promise.resolve();
  let busy = false;
  let lastMs = performance.now();
  const timer = setInterval(() => {
    const lateMs = performance.now() - lastMs - SWEEP_MS;
    lastMs = performance.now();
    if (lateMs >= HEARTBEAT_MS) leases.excuse(lateMs);
    if (busy) return;
    busy = true;
    running = registry
      .sweep()
      .catch((error: unknown) => logger.warn({ err: error }, 'a lease ended but the registry could not be written'))
      .finally(() => {
        busy = false;
      });
  }, SWEEP_MS);
  return {
    stop: async () => {
      clearInterval(timer);
      await running;
    },
  };
}
