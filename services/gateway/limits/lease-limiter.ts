import { BoundedCache } from '../bounded-cache.ts';
import { type Decision, type Policy, policyItem } from './decision.ts';
import type { RedisGate } from './redis-gate.ts';
import type { Order, Purchase } from './redis-scripts.ts';
import { TokenClock } from './token-clock.ts';

export type LeaseLimiterOptions = {
  readonly policy: Policy;
  readonly buy: (key: string, order: Order) => Promise<Purchase>;
  readonly gate: RedisGate;
  /** Live gateways, among whom the limit is divided while Redis is away. */
  readonly gateways: () => number;
  readonly monotonicMs: () => number;
};

type Account = {
  /** Bought and not used; worthless after `expiresAtMs`, or tokens of a quiet hour would be spent beside a full bucket. */
  tokens: number;
  expiresAtMs: number;
  boughtAtMs: number;
  /** How many to keep in stock: grows while they sell, shrinks while they expire. */
  stock: number;
  available: number;
  resetAtMs: number;
  deniedUntilMs: number;
  isBuying: boolean;
  waiting: ((decision: Decision) => void)[];
  /** Used while Redis is away. */
  readonly local: TokenClock;
};

const MAX_ACCOUNTS = 20_000;
const LEASE_MS = 2_000;
/** Stock that sells within the first time doubles, and one that lasts longer than the second is halved. */
const QUICK_MS = 125;
const SLOW_MS = 500;
const MAX_STOCK = 128;
/** After a refusal nobody asks again for so long: the bucket fills meanwhile, so nothing is lost but questions. */
const DENIAL_MS = 20;

/**
 * A limit that all gateways share, without asking Redis for each request: tokens are bought in batches and spent by
 * arithmetic. `take` answers at once as long as there is a token or a fresh refusal; else it resolves with the next
 * purchase.
 */
export class LeaseLimiter {
  readonly policy: Policy;
  /** As every answer says it. */
  readonly policyItem: string;
  readonly #options: LeaseLimiterOptions;
  readonly #accounts = new BoundedCache<string, Account>(MAX_ACCOUNTS);

  constructor(options: LeaseLimiterOptions) {
    this.policy = options.policy;
    this.policyItem = policyItem(options.policy);
    this.#options = options;
  }

  take(key: string): Decision | Promise<Decision> {
    const nowMs = this.#options.monotonicMs();
    const account = this.#account(key);
    if (account.tokens > 0 && nowMs >= account.expiresAtMs) {
      account.tokens = 0;
    }
    if (account.tokens > 0) {
      account.tokens--;
      if (account.tokens * 4 < account.stock && !account.isBuying && account.available > 0)
        void this.#buy(key, account);
      return this.#allowed(account, nowMs);
    }
    if (nowMs < account.deniedUntilMs) return this.#denied(account, nowMs);
    if (this.#options.gate.isAway) return this.#takeLocally(account, nowMs);
    return new Promise((resolve) => {
      account.waiting.push(resolve);
      if (!account.isBuying) void this.#buy(key, account);
    });
  }

  #account(key: string): Account {
    let account = this.#accounts.get(key);
    if (account === undefined) {
      account = {
        tokens: 0,
        expiresAtMs: 0,
        boughtAtMs: 0,
        stock: 1,
        available: this.policy.limit,
        resetAtMs: 0,
        deniedUntilMs: 0,
        isBuying: false,
        waiting: [],
        local: new TokenClock(),
      };
      this.#accounts.set(key, account);
    }
    return account;
  }

  async #buy(key: string, account: Account): Promise<void> {
    account.isBuying = true;
    do {
      const asked = account.waiting.length;
      const credit = (purchase: Purchase): void => this.#credit(account, purchase, asked);
      const { gate, buy, monotonicMs } = this.#options;
      const debt = account.local.takenBeyond(account.resetAtMs, this.#localPolicy(), monotonicMs());
      const order = { waiting: asked, wanted: account.stock, debt };
      const purchase = await gate.ask(() => buy(key, order), credit);
      if (purchase === null) {
        const nowMs = monotonicMs();
        for (const resolve of account.waiting.splice(0)) resolve(this.#takeLocally(account, nowMs));
        break;
      }
      credit(purchase);
      this.#serve(account, purchase.sold < asked);
    } while (account.waiting.length > 0);
    account.isBuying = false;
  }

  #credit(account: Account, purchase: Purchase, asked: number): void {
    const nowMs = this.#options.monotonicMs();
    const lastedMs = nowMs - account.boughtAtMs;
    if (lastedMs < QUICK_MS) account.stock = Math.min(account.stock * 2, MAX_STOCK);
    else if (lastedMs > SLOW_MS) account.stock = Math.ceil(account.stock / 2);
    account.boughtAtMs = nowMs;
    account.local.forget();
    account.tokens += purchase.sold;
    account.expiresAtMs = nowMs + LEASE_MS;
    account.available = purchase.available;
    account.resetAtMs = nowMs + purchase.resetMs;
    const isEmpty = purchase.sold < asked || (purchase.sold === 0 && purchase.available === 0);
    if (isEmpty) account.deniedUntilMs = nowMs + Math.max(purchase.retryAfterMs, DENIAL_MS);
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
    return account.local.take(this.#localPolicy(), nowMs);
  }

  #localPolicy(): Policy {
    const share = Math.floor(this.policy.limit / Math.max(1, this.#options.gateways()));
    return { ...this.policy, limit: Math.max(1, share) };
  }

  #allowed(account: Account, nowMs: number): Decision {
    const remaining = account.available + account.tokens;
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
