/** One bucket: `tokens` at `updatedAtMs`; after a refusal it stays shut until `heldUntilMs`, as Telegram's does. */
export type TokenBucket = { tokens: number; updatedAtMs: number; heldUntilMs: number };
export type BucketRate = { readonly perSecond: number; readonly burst: number };

export const fullBucket = (rate: BucketRate, nowMs: number): TokenBucket => ({
  tokens: rate.burst,
  updatedAtMs: nowMs,
  heldUntilMs: 0,
});

/** Seconds to wait, or 0 when a token is there. Does not take it: a message needs a token of its chat and of its bot. */
export function secondsUntilToken(bucket: TokenBucket, rate: BucketRate, nowMs: number): number {
  const elapsedSeconds = Math.max(0, nowMs - bucket.updatedAtMs) / 1000;
  bucket.tokens = Math.min(rate.burst, bucket.tokens + elapsedSeconds * rate.perSecond);
  bucket.updatedAtMs = nowMs;
  if (nowMs < bucket.heldUntilMs) return Math.ceil((bucket.heldUntilMs - nowMs) / 1000);
  // Refills are fractions: without the tolerance a full second at 1/s could leave 0.9999 of a token.
  if (bucket.tokens >= 1 - 1e-9) return 0;
  const waitSeconds = Math.max(1, Math.ceil((1 - bucket.tokens) / rate.perSecond - 1e-9));
  bucket.heldUntilMs = nowMs + waitSeconds * 1000;
  return waitSeconds;
}
