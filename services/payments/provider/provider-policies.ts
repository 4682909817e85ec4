import { currentDeadlineMs } from '@tenantry/kernel/call-context.ts';
import type { BreakerTransition } from '@tenantry/resilience/circuit-breaker.ts';
import { deadlineAt } from '@tenantry/resilience/deadline.ts';
import type { DependencyMonitor } from '@tenantry/resilience/dependency-monitor.ts';
import { createPolicy, type Policy } from '@tenantry/resilience/policy.ts';
import type { MidtransAccount } from './midtrans-account.ts';
import { Unanswered } from './unanswered.ts';

export type ProviderPolicies = {
  /** One call of one tenant. All its attempts together get four seconds, less when the caller has less. */
  readonly execute: <T>(account: MidtransAccount, work: (signal: AbortSignal) => Promise<T>) => Promise<T>;
};

const TIMEOUT_MS = 4_000;
/** Kept from the caller's deadline, to write down what the provider answered. */
const MARGIN_MS = 250;
const MAX_TENANTS = 5_000;

/**
 * A breaker and a bulkhead per tenant and environment: one tenant's revoked account or storm of refunds must not close
 * the provider for the others. Every request may be sent again: reading changes nothing, and what changes something
 * carries an Idempotency-Key, a refund key or an order id that Midtrans takes once.
 */
export function createProviderPolicies(options: {
  /** One for all tenants: it judges by shares, so that one of them does not speak for the provider. */
  readonly monitor?: DependencyMonitor;
  readonly onTransition: (account: MidtransAccount, transition: BreakerTransition) => void;
}): ProviderPolicies {
  const policies = new Map<string, Policy>();

  const policyOf = (account: MidtransAccount): Policy => {
    const key = `${account.tenantId} ${account.environment}`;
    const known = policies.get(key);
    if (known !== undefined) {
      policies.delete(key); // put back as the latest used
      policies.set(key, known);
      return known;
    }
    const policy = createPolicy({
      name: 'Midtrans',
      timeoutMs: TIMEOUT_MS,
      retry: {
        isRetryable: (error) => error instanceof Unanswered,
        maxAttempts: 3,
        backoff: { baseMs: 100, capMs: 800 },
      },
      // Attempts, not calls: what ten calls that fail altogether make of them within their retry budget.
      breaker: { minimumCalls: 20, openMs: 5_000 },
      bulkhead: { maxConcurrent: 32, maxQueued: 256 },
      ...(options.monitor === undefined ? {} : { monitor: options.monitor }),
    });
    policy.breaker.onTransition((transition) => options.onTransition(account, transition));
    policies.set(key, policy);
    const [leastUsed] = policies.keys();
    if (policies.size > MAX_TENANTS && leastUsed !== undefined) policies.delete(leastUsed);
    return policy;
  };

  return {
    execute: (account, work) =>
      policyOf(account).execute(({ signal }) => work(signal), {
        deadline: deadlineAt(Math.min(Date.now() + TIMEOUT_MS, currentDeadlineMs() - MARGIN_MS)),
        idempotent: true,
      }),
  };
}
