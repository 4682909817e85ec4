const LONGEST_SECONDS = 16;

/**
 * Begins something with what is good for two seconds. A machine that is too slow for that gets more: what a test is about
 * is what happens when the time is over.
 */
export async function beginSoonExpired<T>(
  begin: (expiresAtSeconds: number) => Promise<T>,
): Promise<{ readonly begun: T; readonly expiresAtMs: number }> {
  for (let lifeSeconds = 2; ; lifeSeconds *= 2) {
    const expiresAtSeconds = Math.floor(Date.now() / 1_000) + lifeSeconds;
    const expiresAtMs = expiresAtSeconds * 1_000;
    try {
      return { begun: await begin(expiresAtSeconds), expiresAtMs };
    } catch (error) {
      if (Date.now() < expiresAtMs || lifeSeconds >= LONGEST_SECONDS) throw error;
    }
  }
}
