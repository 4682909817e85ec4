import { startHangWatch } from './hang-watch.ts';
import { isPlainFailure } from './plain-failure.ts';

const CLOSE_DEADLINE_MS = 10_000;

/**
 * Runs something as a process: it ends in order on SIGTERM or SIGINT, or when the launcher that started it is gone, and
 * at the latest when the deadline has passed; and at once when its event loop stands still. A start that fails is one
 * sentence, with exit code 1.
 */
export async function runProcess(open: () => Promise<{ close: () => Promise<void> }>): Promise<void> {
  let running: { close: () => Promise<void> } | undefined;
  let ending = false;
  startHangWatch();
  const end = (code: number): void => {
    if (ending) return;
    ending = true;
    setTimeout(() => process.exit(1), CLOSE_DEADLINE_MS).unref();
    (running?.close() ?? Promise.resolve()).then(
      () => process.exit(code),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', () => end(0));
  process.on('SIGINT', () => end(0));
  if (process.connected) process.on('disconnect', () => end(0));
  // What nobody caught leaves the process in a state that nobody knows: say it, end in order, be started again.
  process.on('uncaughtException', (error) => {
    console.error(error);
    end(1);
  });
  process.on('unhandledRejection', (reason) => {
    console.error(reason);
    end(1);
  });
  try {
    running = await open();
    if (process.connected) process.send?.({ type: 'ready' });
  } catch (error) {
    console.error(isPlainFailure(error) ? error.message : error);
    process.exit(1);
  }
}
