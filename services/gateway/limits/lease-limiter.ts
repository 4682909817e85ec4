import { BoundedCache } from '../bounded-cache.ts';
import { type Account, adoptPolicy, openAccount, worthUnder } from './account.ts';
import type { Decision, Policy } from './decision.ts';
import type { Market } from './gathered-purchases.ts';
import type { Order, Purchase } from './redis-scripts.ts';

export type LeaseLimiterOptions = {
  readonly market: Market;
  /** Live gateways, among whom the limit is divided while Redis is away. */
  readonly gateways: () => number;
  /** For keys of which there are many and most are new: nobody asks Redis about one before it has come a few times. */
  readonly beginsOnCredit?: boolean;
  readonly monotonicMs: () => number;
};

const MAX_ACCOUNTS = 20_000;
const LEASE_MS = 2_000;
/** Stock that sells within the first time doubles, and one that lasts longer than the second is halved. */
const QUICK_MS = 500;
const SLOW_MS = 1_500;
const MAX_STOCK = 128;
/** What all gateways together may give away of a bucket before Redis hears of it: what one limit may be off by. */
const CREDIT = 0.01;
const MAX_CREDIT = 64;
/** After a refusal nobody asks again for so long: the bucket fills meanwhile, so nothing is lost but questions. */
const DENIAL_MS = 20;

/** Tokens that were not used in time; and what was given away so long ago that the bucket has filled since. */
const dropExpired = (account: Account, nowMs: number): void => {
  if (account.tokens > 0 && nowMs >= account.expiresAtMs) account.tokens = 0;
  if (account.owed > 0 && nowMs >= account.owedSinceMs + account.policy.windowSeconds * 1_000) account.owed = 0;
};

/**
 * Limits that all gateways share, without asking Redis for each request: tokens are bought in batches and spent by
 * arithmetic. Each key has the policy that it is asked with, which may be another one the next time. `take` answers at
 * once as long as there is a token or a fresh refusal; else it resolves with the next purchase.
 */
export class LeaseLimiter {
  readonly #options: LeaseLimiterOptions;
  readonly #accounts = new BoundedCache<string, Account>(MAX_ACCOUNTS);

  constructor(options: LeaseLimiterOptions) {
    this.#options = options;
  }

  /** The account of a key, measured by this policy: for one request, as it may be forgotten and opened anew. */
  account(key: string, policy: Policy, nowMs = this.#options.monotonicMs()): Account {
    let account = this.#accounts.get(key);
    if (account === undefined) {
      account = openAccount(key, policy);
      this.#accounts.set(key, account);
    }
    if (account.policy !== policy) adoptPolicy(account, policy, nowMs);
    dropExpired(account, nowMs);
    return account;
  }

  take(account: Account, nowMs = this.#options.monotonicMs()): Decision | Promise<Decision> {
    dropExpired(account, nowMs);
    if (account.tokens > 0) {
      account.tokens--;
      if (this.#isRunningOut(account)) void this.#buy(account);
      return this.#allowed(account, nowMs);
    }
    if (nowMs < account.deniedUntilMs) return this.#denied(account, nowMs);
    if (this.#options.market.isAway) return this.#takeLocally(account, nowMs);
    if (this.#mayOwe(account)) {
      if (account.owed++ === 0) account.owedSinceMs = nowMs;
      if (account.owed * 2 >= this.#creditOf(account) && !account.isBuying) void this.#buy(account);
      return this.#allowed(account, nowMs);
    }
    return new Promise((resolve) => {
      account.waiting.push(resolve);
      if (account.isBuying) this.#options.market.hurry();
      else void this.#buy(account);
    });
  }

  /** The refusal that `take` would give at once, without taking anything; null when it would not. */
  refusal(account: Account, nowMs = this.#options.monotonicMs()): Decision | null {
    return account.tokens === 0 && nowMs < account.deniedUntilMs ? this.#denied(account, nowMs) : null;
  }

  /** A token that was taken for a request which another limit then refused. */
  giveBack(account: Account): void {
    if (this.#options.market.isAway) account.local.giveBack(this.#localPolicy(account));
    else if (account.owed > 0) account.owed--;
    else if (this.#options.monotonicMs() < account.expiresAtMs) account.tokens++;
  }

  /** How much is left, as far as it is known here; takes nothing. */
  look(account: Account): Decision {
    return this.#allowed(account, this.#options.monotonicMs());
  }

  /** Whether to buy before nothing is left, so that nobody has to wait. Where there is credit nobody does. */
  #isRunningOut(account: Account): boolean {
    if (account.isBuying || account.tokens * 4 >= account.stock || account.available === 0) return false;
    return !this.#mayOwe(account);
  }

  /**
   * Where plenty was left when Redis was last asked, a few tokens are given first and told afterwards: somebody who sends
   * a few requests a second would otherwise let every lease run out and cost a question for each two or three of them.
   */
  #mayOwe(account: Account): boolean {
    if (account.boughtAtMs === 0 && this.#options.beginsOnCredit !== true) return false;
    return account.available * 2 >= account.policy.limit && account.owed < this.#creditOf(account);
  }

  #creditOf({ policy }: Account): number {
    return Math.min(MAX_CREDIT, Math.floor((policy.limit * CREDIT) / Math.max(1, this.#options.gateways())));
  }

  async #buy(account: Account): Promise<void> {
    account.isBuying = true;
    do {
      let { policy, owed } = account;
      let asked = 0;
      const order = (): Order => {
        ({ policy, owed } = account);
        asked = account.waiting.length;
        const debt = account.local.takenBeyond(account.resetAtMs, this.#localPolicy(account), monotonicMs());
        return { key: account.key, policy, waiting: asked, wanted: account.stock, debt: debt + owed };
      };
      const settle = (purchase: Purchase): void => {
        account.owed = Math.max(0, account.owed - owed);
        this.#credit(account, policy, purchase, asked);
      };
      const { market, monotonicMs } = this.#options;
      const bought = market.buy(order, settle);
      if (account.waiting.length > 0) market.hurry();
      const purchase = await bought;
      if (purchase === null) {
        const nowMs = monotonicMs();
        for (const resolve of account.waiting.splice(0)) resolve(this.#takeLocally(account, nowMs));
        break;
      }
      settle(purchase);
      this.#serve(account, purchase.sold < asked);
    } while (account.waiting.length > 0);
    account.isBuying = false;
  }

  #credit(account: Account, policy: Policy, purchase: Purchase, asked: number): void {
    const nowMs = this.#options.monotonicMs();
    const lastedMs = nowMs - account.boughtAtMs;
    if (lastedMs < QUICK_MS) account.stock = Math.min(account.stock * 2, MAX_STOCK);
    else if (lastedMs > SLOW_MS) account.stock = Math.ceil(account.stock / 2);
    account.boughtAtMs = nowMs;
    account.local.forget();
    account.expiresAtMs = nowMs + LEASE_MS;
    // The answer is measured by the policy that was in force when it was asked for.
    const { policy: current } = account;
    account.tokens += worthUnder(purchase.sold, policy, current);
    account.available = Math.floor((purchase.available * current.limit) / policy.limit);
    account.resetAtMs = nowMs + (purchase.resetMs * current.windowSeconds) / policy.windowSeconds;
    const isEmpty = purchase.sold < asked || (purchase.sold === 0 && purchase.available === 0);
    if (isEmpty && current === policy) account.deniedUntilMs = nowMs + Math.max(purchase.retryAfterMs, DENIAL_MS);
  }

  /** Tokens go to who waits, oldest first; when the bucket is empty the others are refused. */
  #serve(account: Account, isEmpty: boolean): void {
    const nowMs = this.#options.monotonicMs();
    while (account.waiting.length > 0 && account.tokens > 0) {
      account.tokens--;
      account.waiting.shift()?.(this.#allowed(account, nowMs));
    }
    if (isEmpty) for (const resolve of account.waiting.splice(0)) resolve(this.#denied(account, nowMs));
  }

  #takeLocally(account: Account, nowMs: number): Decision {
    // What was used up when Redis was last heard of is used up here too: losing it must not fill anybody's bucket.
    account.local.postpone(account.resetAtMs);
    for (; account.owed > 0; account.owed--) account.local.take(this.#localPolicy(account), nowMs);
    return account.local.take(this.#localPolicy(account), nowMs);
  }

  #localPolicy({ policy }: Account): Policy {
    const share = Math.floor(policy.limit / Math.max(1, this.#options.gateways()));
    return { ...policy, limit: Math.max(1, share) };
  }

  #allowed(account: Account, nowMs: number): Decision {
    const remaining = Math.max(0, account.available + account.tokens - account.owed);
    return { isAllowed: true, remaining, resetMs: Math.max(account.resetAtMs - nowMs, 0), retryAfterMs: 0 };
  }

  #denied(account: Account, nowMs: number): Decision {
    return {
      isAllowed: false,
      remaining: 0,
      resetMs: Math.max(account.resetAtMs - nowMs, 0),
      retryAfterMs: Math.max(account.deniedUntilMs - nowMs, 1),
    };
  }
}
