import { setTimeout as sleep } from 'node:timers/promises';

/** Tries until it no longer throws; after the limit the last failure is the test's. */
export async function eventually<T>(attempt: () => T | Promise<T>, limitMs = 10_000): Promise<T> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() >= deadline) throw error;
      await sleep(20);
    }
  }
}
