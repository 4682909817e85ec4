const SHORTEST_CAP_SECONDS = 60;
const LONGEST_CAP_SECONDS = 120;
const LONGEST_RETRY_AFTER_SECONDS = 3600;

/**
 * tdlib/telegram-bot-api: the first failure is retried at once, then 2, 4, 8 ... seconds, never more than a random
 * minute or two. `failures` counts from 1; `random` is in [0, 1).
 */
export function retryDelaySeconds(failures: number, random: number): number {
  if (failures <= 1) return 0;
  const cap = SHORTEST_CAP_SECONDS + random * (LONGEST_CAP_SECONDS - SHORTEST_CAP_SECONDS);
  return Math.min(2 ** Math.min(failures - 1, 16), cap);
}

/** The receiver's own `Retry-After` replaces the computed delay, within an hour. */
export function retryAfterSeconds(header: string | undefined): number | undefined {
  if (header === undefined || !/^\d+$/.test(header.trim())) return undefined;
  return Math.min(Number(header), LONGEST_RETRY_AFTER_SECONDS);
}
