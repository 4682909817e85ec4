import { rateLimited } from '@tenantry/kernel/problems.ts';
import { addressKey } from '../edge/client-address.ts';
import type { Exchange } from '../edge/exchange.ts';
import { type Decision, limitItem, type Policy, policyItem } from './decision.ts';
import type { LeaseLimiter } from './lease-limiter.ts';
import type { WindowLimiter } from './window-limiter.ts';

export type RateLimiters = {
  readonly tenant: LeaseLimiter;
  readonly address: LeaseLimiter;
  readonly endpoint: WindowLimiter;
};

/**
 * The limits of one request: its tenant's, or, without a token, its address's; and the endpoint's own, which counts
 * addresses too. Says on every answer how much is left, and refuses with 429 when nothing is.
 */
export function createLimitRate({ tenant, address, endpoint }: RateLimiters) {
  const shared = (exchange: Exchange): void | Promise<void> => {
    const limiter = exchange.verified === null ? address : tenant;
    const key =
      exchange.verified === null
        ? `rate:address:${addressKey(exchange.clientAddress)}`
        : `${exchange.verified.claims.tenantId}:rate`;
    const decision = limiter.take(key);
    if (decision instanceof Promise) return decision.then((late) => apply(exchange, [[limiter.policy, late]]));
    if (!decision.isAllowed) return apply(exchange, [[limiter.policy, decision]]);
    exchange.answerHeaders.push(
      'ratelimit-policy',
      limiter.policyItem,
      'ratelimit',
      limitItem(limiter.policy, decision),
    );
  };

  return (exchange: Exchange): void | Promise<void> => {
    const record = exchange.route?.endpoint;
    if (record === undefined || record.rateLimit === null) return shared(exchange);
    const policy: Policy = { name: record.name, ...record.rateLimit };
    const key = `rate:route:${record.name}:${addressKey(exchange.clientAddress)}`;
    return endpoint.take(key, policy).then(async (decision) => {
      if (!decision.isAllowed || exchange.verified === null) return apply(exchange, [[policy, decision]]);
      apply(exchange, [
        [policy, decision],
        [tenant.policy, await tenant.take(`${exchange.verified.claims.tenantId}:rate`)],
      ]);
    });
  };
}

function apply(exchange: Exchange, decisions: readonly (readonly [Policy, Decision])[]): void {
  exchange.answerHeaders.push(
    'ratelimit-policy',
    decisions.map(([policy]) => policyItem(policy)).join(', '),
    'ratelimit',
    decisions.map(([policy, decision]) => limitItem(policy, decision)).join(', '),
  );
  const refused = decisions.find(([, decision]) => !decision.isAllowed);
  if (refused === undefined) return;
  const [policy, { retryAfterMs }] = refused;
  throw rateLimited(`More than ${policy.limit} requests in ${policy.windowSeconds} s. Wait, then try again.`, {
    retryAfterSeconds: Math.max(1, Math.ceil(retryAfterMs / 1_000)),
  });
}
