import type { SharedState } from '@tenantry/events/shared-state.ts';
import type { Logger } from '@tenantry/kit/logger.ts';

const EVERY_MS = 600_000;
/** Far longer than any reader goes on with a broken watch: one that resumes must still find what it missed. */
const MARKER_AGE_MS = 1_800_000;

/** Every instance that ever left has a marker in the bucket; old ones are of no use to anybody. */
export function startMarkerCleaner(state: Pick<SharedState<unknown>, 'forgetRemoved'>, logger: Logger) {
  const clean = (): Promise<void> =>
    state.forgetRemoved(MARKER_AGE_MS).then(
      (count) => {
        if (count > 0) logger.info({ count }, 'old markers of removed instances deleted');
      },
      (error: unknown) => logger.warn({ err: error }, 'old markers stay for now'),
    );
  const timer = setInterval(() => void clean(), EVERY_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
