/** Even the coldest gets something, or it would never warm up. */
const LEAST = 0.1;

/**
 * The part of its usual share that an instance gets so long after it appeared or came back: caches, compilers and
 * connections are cold, and a full share at once would make its first answers its slowest.
 */
export const warmth = (sinceMs: number, slowStartMs: number): number =>
  slowStartMs <= 0 || sinceMs >= slowStartMs ? 1 : Math.max(LEAST, sinceMs / slowStartMs);
