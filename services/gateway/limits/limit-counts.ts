import type { HttpMetrics } from '@tenantry/kit/http/metrics.ts';
import { Counter } from 'prom-client';

export type LimitName = 'tenant' | 'principal' | 'route' | 'address' | 'endpoint' | 'failures';

const NAMES: readonly LimitName[] = ['tenant', 'principal', 'route', 'address', 'endpoint', 'failures'];

const zeros = (): Record<LimitName, number> =>
  Object.fromEntries(NAMES.map((name) => [name, 0])) as Record<LimitName, number>;

/**
 * How often each limit was asked and refused. Plain numbers that a scrape collects: a labelled counter looks its labels
 * up at every increment. No label names a tenant, as a scrape of many label sets blocks the event loop.
 */
export class LimitCounts {
  readonly allowed = zeros();
  readonly refused = zeros();
  /** Purchases and window counts. */
  redisCalls = 0;

  register({ registry }: Pick<HttpMetrics, 'registry'>): void {
    const { allowed, refused } = this;
    new Counter({
      name: 'gateway_rate_limit_decisions_total',
      help: 'Decisions of each rate limit',
      labelNames: ['limit', 'outcome'],
      registers: [registry],
      collect() {
        this.reset();
        for (const limit of NAMES) {
          this.inc({ limit, outcome: 'allowed' }, allowed[limit]);
          this.inc({ limit, outcome: 'refused' }, refused[limit]);
        }
      },
    });
    const redisCalls = (): number => this.redisCalls;
    new Counter({
      name: 'gateway_rate_limit_redis_calls_total',
      help: 'Questions to Redis on behalf of rate limits',
      registers: [registry],
      collect() {
        this.reset();
        this.inc(redisCalls());
      },
    });
  }
}
