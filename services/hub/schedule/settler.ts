import type { Logger } from '@tenantry/kit/logger.ts';
import type { ConfigurationStore } from '../store/configuration-store.ts';
import type { Link } from '../store/link.ts';
import type { Configuration } from '../use-cases/configuration.ts';
import { seedPlanLayers } from '../use-cases/seed-plan-layers.ts';

/** As long as whoever wrote a version gets to push it. */
const PATIENCE_MS = 200;

/**
 * Pushes what a hub wrote and did not live to push: what was left by earlier ones now, what others leave soon after. Before
 * anything else was ever written it gives the plans their first layers.
 */
export function startSettler(configuration: Configuration, store: ConfigurationStore, link: Link, logger: Logger) {
  const waiting = new Map<string, NodeJS.Timeout>();
  let isStopped = false;
  const settle = (work: Promise<unknown>): Promise<void> =>
    work.then(
      () => undefined,
      (error: unknown) => {
        if (!isStopped) logger.warn({ err: error }, 'a configuration may be written and not pushed');
      },
    );
  store.onAppend((layerKey) => {
    if (isStopped || waiting.has(layerKey)) return;
    const timer = setTimeout(() => {
      waiting.delete(layerKey);
      void settle(configuration.settle(layerKey));
    }, PATIENCE_MS);
    timer.unref();
    waiting.set(layerKey, timer);
  });
  const settleAll = async (): Promise<void> => {
    await configuration.settleAll();
    await seedPlanLayers(configuration);
  };
  if (link.isUp()) void settle(settleAll());
  // What was written in the meantime was not heard of.
  link.onReturn(() => void settle(settleAll()));
  return {
    stop: () => {
      isStopped = true;
      for (const timer of waiting.values()) clearTimeout(timer);
    },
  };
}
