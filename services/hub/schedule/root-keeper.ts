import type { Logger } from '@tenantry/kit/logger.ts';
import type { MeshAuthority } from '../use-cases/authority.ts';

const EVERY_MS = 1_000;

/** Looks after the roots of the mesh: a look at memory, and a write only where something is due or was not told yet. */
export function startRootKeeper(authority: Pick<MeshAuthority, 'tend'>, logger: Logger) {
  let isBusy = false;
  let hasComplained = false;
  const tend = async (): Promise<void> => {
    if (isBusy) return;
    isBusy = true;
    try {
      await authority.tend();
      hasComplained = false;
    } catch (error) {
      if (!hasComplained) logger.warn({ err: error }, 'the roots of the mesh cannot be looked after; trying again');
      hasComplained = true;
    } finally {
      isBusy = false;
    }
  };
  const timer = setInterval(() => void tend(), EVERY_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
