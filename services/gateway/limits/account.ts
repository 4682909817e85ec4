import type { Decision, Policy } from './decision.ts';
import { stretched, TokenClock } from './token-clock.ts';

/** What this gateway knows of one bucket. */
export type Account = {
  readonly key: string;
  /** What the numbers below are measured by. */
  policy: Policy;
  /** Bought and not used; worthless after `expiresAtMs`, or tokens of a quiet hour would be spent beside a full bucket. */
  tokens: number;
  expiresAtMs: number;
  boughtAtMs: number;
  /** How many to keep in stock: grows while they sell, shrinks while they expire. */
  stock: number;
  available: number;
  /** Given away on credit and not told to Redis yet. */
  owed: number;
  owedSinceMs: number;
  resetAtMs: number;
  deniedUntilMs: number;
  isBuying: boolean;
  waiting: ((decision: Decision) => void)[];
  /** Used while Redis is away. */
  readonly local: TokenClock;
};

export const openAccount = (key: string, policy: Policy): Account => ({
  key,
  policy,
  tokens: 0,
  expiresAtMs: 0,
  boughtAtMs: 0,
  stock: 1,
  available: policy.limit,
  owed: 0,
  owedSinceMs: 0,
  resetAtMs: 0,
  deniedUntilMs: 0,
  isBuying: false,
  waiting: [],
  local: new TokenClock(),
});

/** What a number of tokens bought under one policy is worth under another: never more tokens than were bought. */
export const worthUnder = (tokens: number, bought: Policy, now: Policy): number =>
  bought.limit <= now.limit ? tokens : Math.floor((tokens * now.limit) / bought.limit);

/**
 * Goes over to another policy. What stays is the share of the bucket that is used, as in Redis: an empty bucket stays
 * empty and a full one full, so that going back and forth between two plans fills nobody's bucket.
 */
export function adoptPolicy(account: Account, policy: Policy, nowMs: number): void {
  const before = account.policy;
  account.policy = policy;
  if (before.limit === policy.limit && before.windowSeconds === policy.windowSeconds) return;
  const times = policy.windowSeconds / before.windowSeconds;
  account.resetAtMs = stretched(account.resetAtMs, times, nowMs);
  account.local.stretch(times, nowMs);
  account.tokens = worthUnder(account.tokens, before, policy);
  account.available = Math.floor((account.available * policy.limit) / before.limit);
  // The refusal was measured by the old limit: whoever has been given more must not wait for the old one's next token.
  account.deniedUntilMs = 0;
}
