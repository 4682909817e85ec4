import type { HttpMetrics } from '@tenantry/kit/http/metrics.ts';
import type { TenantConfigurations } from '@tenantry/kit/tenants/configurations.ts';
import type { GatewayConfiguration } from '../config.ts';
import type { Step } from '../edge/exchange.ts';
import type { RedisClient } from '../run-script.ts';
import { policyOf } from './decision.ts';
import { FailureLimiter } from './failure-limiter.ts';
import { LimitCounts } from './limit-counts.ts';
import { createLimitRate } from './limit-rate.ts';
import { createRateLimiters } from './rate-limiters.ts';
import { createTenantPolicies } from './tenant-policies.ts';

/** All limits of a gateway, composed. */
export function createLimits(options: {
  readonly configuration: GatewayConfiguration;
  readonly configurations: Pick<TenantConfigurations, 'of'>;
  readonly redis: RedisClient;
  /** Live gateways. */
  readonly gateways: () => number;
  readonly metrics: HttpMetrics;
}): { readonly limitRate: Step; readonly failures: FailureLimiter } {
  const { configuration, configurations, redis, gateways, metrics } = options;
  const counts = new LimitCounts();
  counts.register(metrics);
  return {
    limitRate: createLimitRate({
      limiters: createRateLimiters(redis, gateways, counts),
      policiesOf: createTenantPolicies(configurations),
      addressPolicy: policyOf(
        'address',
        configuration.RATE_LIMIT_ADDRESS_PER_SECOND,
        configuration.RATE_LIMIT_ADDRESS_BURST_SECONDS,
      ),
      counts,
    }),
    failures: new FailureLimiter({
      policy: policyOf(
        'failures',
        configuration.RATE_LIMIT_FAILURES_PER_SECOND,
        configuration.RATE_LIMIT_FAILURES_BURST_SECONDS,
      ),
      gateways,
      counts,
    }),
  };
}
