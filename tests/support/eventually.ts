import { setTimeout as sleep } from 'node:timers/promises';

/** What takes a moment takes many times that on a busy machine; who waits for nothing that comes pays it once. */
const PATIENCE_MS = 30_000;

/** Tries until it no longer throws; after the limit the last failure is the test's. */
export async function eventually<T>(attempt: () => T | Promise<T>, limitMs = PATIENCE_MS): Promise<T> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() >= deadline) throw error;
      await sleep(20);
    }
  }
}
