import type { TenantId } from '@tenantry/kernel/id.ts';
import { addressKey } from '../edge/client-address.ts';
import type { Exchange } from '../edge/exchange.ts';
import type { Account } from './account.ts';
import { type Decision, limitItem, type Policy, policyItem } from './decision.ts';
import type { LeaseLimiter } from './lease-limiter.ts';
import type { LimitCounts, LimitName } from './limit-counts.ts';
import { rateRefusal } from './rate-refusal.ts';
import type { TenantPolicies } from './tenant-policies.ts';
import type { WindowLimiter } from './window-limiter.ts';

export type RateLimiters = {
  readonly tenant: LeaseLimiter;
  readonly principal: LeaseLimiter;
  readonly route: LeaseLimiter;
  readonly address: LeaseLimiter;
  readonly endpoint: WindowLimiter;
};

export type LimitRateOptions = {
  readonly limiters: RateLimiters;
  readonly policiesOf: (tenantId: TenantId) => TenantPolicies;
  readonly addressPolicy: Policy;
  readonly counts: LimitCounts;
};

/** One bucket that a request draws on. */
type Charge = {
  readonly name: LimitName;
  readonly limiter: LeaseLimiter;
  readonly policy: Policy;
  readonly account: Account;
};

const chargeTo = (name: LimitName, limiter: LeaseLimiter, key: string, policy: Policy, nowMs: number): Charge => ({
  name,
  limiter,
  policy,
  account: limiter.account(key, policy, nowMs),
});

/**
 * The limits of one request: its tenant's, its principal's and its route's in the tenant, or, without a token, its
 * address's; and the endpoint's own, which counts addresses, or tenants where it is a product's. Says on every answer how
 * much is left of each, and refuses with 429 when nothing is left of one; a request that one limit refuses uses nothing of
 * the others.
 */
export function createLimitRate({ limiters, policiesOf, addressPolicy, counts }: LimitRateOptions) {
  /** The widest first: a flooding tenant is known by it, and its refusal is the one to be cheap. */
  const chargesOf = ({ verified, route, clientAddress }: Exchange, nowMs: number): readonly Charge[] => {
    if (verified === null) {
      const key = `rate:address:${addressKey(clientAddress)}`;
      return [chargeTo('address', limiters.address, key, addressPolicy, nowMs)];
    }
    const policies = policiesOf(verified.claims.tenantId);
    const { tenantKey, principalKey } = verified.rateKeys;
    const charges: Charge[] = [
      chargeTo('tenant', limiters.tenant, tenantKey, policies.tenant, nowMs),
      chargeTo('principal', limiters.principal, principalKey, policies.principal, nowMs),
    ];
    if (route === null || policies.routes.size === 0) return charges;
    const { name } = route.state;
    const policy = policies.routes.get(name);
    if (policy !== undefined) charges.push(chargeTo('route', limiters.route, `${tenantKey}:${name}`, policy, nowMs));
    return charges;
  };

  const refuse = (
    exchange: Exchange,
    charges: readonly Charge[],
    refused: Charge,
    decision: Decision,
    first: Item[],
  ): never => {
    counts.refused[refused.name]++;
    const items = charges.map<Item>((charge) =>
      charge === refused ? [charge.policy, decision] : [charge.policy, charge.limiter.look(charge.account)],
    );
    announce(exchange, [...first, ...items]);
    throw rateRefusal(refused.policy, decision.retryAfterMs);
  };

  const settle = (
    exchange: Exchange,
    charges: readonly Charge[],
    decisions: readonly Decision[],
    first: Item[],
  ): void => {
    const items = [...first];
    for (const [index, charge] of charges.entries()) {
      const decision = decisions[index];
      if (decision === undefined) continue;
      if (!decision.isAllowed) {
        for (const taken of charges.slice(0, index)) taken.limiter.giveBack(taken.account);
        refuse(exchange, charges, charge, decision, first);
      }
      items.push([charge.policy, decision]);
    }
    for (const { name } of charges) counts.allowed[name]++;
    announce(exchange, items);
  };

  const shared = (exchange: Exchange, first: Item[]): void | Promise<void> => {
    const nowMs = performance.now();
    const charges = chargesOf(exchange, nowMs);
    // The first says so itself; a later one should, before a token of the first is taken only to be given back.
    for (let i = 1; i < charges.length; i++) {
      const charge = charges[i] as Charge;
      const known = charge.limiter.refusal(charge.account, nowMs);
      if (known !== null) refuse(exchange, charges, charge, known, first);
    }
    const decisions: Decision[] = [];
    const waiting = takeAll(charges, decisions, nowMs);
    if (waiting !== undefined) return waiting.then(() => settle(exchange, charges, decisions, first));
    settle(exchange, charges, decisions, first);
  };

  return (exchange: Exchange): void | Promise<void> => {
    const policy = exchange.route?.state.ownPolicy ?? null;
    if (policy === null) return shared(exchange, []);
    const own = (decision: Decision): void | Promise<void> => {
      if (decision.isAllowed) {
        counts.allowed.endpoint++;
        if (exchange.verified !== null) return shared(exchange, [[policy, decision]]);
        announce(exchange, [[policy, decision]]);
        return;
      }
      counts.refused.endpoint++;
      announce(exchange, [[policy, decision]]);
      throw rateRefusal(policy, decision.retryAfterMs);
    };
    const decision = limiters.endpoint.take(`rate:route:${policy.name}:${whoseOwn(exchange)}`, policy);
    return decision instanceof Promise ? decision.then(own) : own(decision);
  };
}

/**
 * Endpoints of ours with a limit of their own are those that somebody guesses at, whichever account that is about. A
 * product's limit is on what its callers may use, who may all come from one address, or one of them from many.
 */
const whoseOwn = ({ verified, route, clientAddress }: Exchange): string =>
  verified !== null && route?.service === 'product' ? verified.claims.tenantId : addressKey(clientAddress);

type Item = readonly [Policy, Decision];

/** Takes from one after the other as long as each allows it. Waits only where tokens have to be bought first. */
function takeAll(charges: readonly Charge[], decisions: Decision[], nowMs: number): Promise<void> | undefined {
  for (let i = decisions.length; i < charges.length; i++) {
    const charge = charges[i] as Charge;
    const decision = charge.limiter.take(charge.account, nowMs);
    if (decision instanceof Promise) {
      return decision.then((late) => {
        decisions.push(late);
        return late.isAllowed ? takeAll(charges, decisions, performance.now()) : undefined;
      });
    }
    decisions.push(decision);
    if (!decision.isAllowed) return undefined;
  }
  return undefined;
}

function announce(exchange: Exchange, items: readonly Item[]): void {
  let policies = '';
  let limits = '';
  for (const [policy, decision] of items) {
    if (policies !== '') {
      policies += ', ';
      limits += ', ';
    }
    policies += policyItem(policy);
    limits += limitItem(policy, decision);
  }
  exchange.answerHeaders.push('ratelimit-policy', policies, 'ratelimit', limits);
}
