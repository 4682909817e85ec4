import type { HttpMetrics } from '@tenantry/kit/http/metrics.ts';
import { Counter, Gauge } from 'prom-client';
import type { Admission } from './admission.ts';

/** What was let in and what was shed, and the limit that decided it. */
export function registerOverloadMetrics({ registry }: Pick<HttpMetrics, 'registry'>, admission: Admission): void {
  new Counter({
    name: 'gateway_admissions_total',
    help: 'Requests let in to the services, or shed: over the share of their tenant, or with nothing left at all',
    labelNames: ['outcome'],
    registers: [registry],
    collect() {
      this.reset();
      this.inc({ outcome: 'admitted' }, admission.counts.admitted);
      this.inc({ outcome: 'over-share' }, admission.counts.refused['over-share']);
      this.inc({ outcome: 'full' }, admission.counts.refused.full);
    },
  });
  new Gauge({
    name: 'gateway_in_flight_limit',
    help: 'Requests that may be under way at a time',
    registers: [registry],
    collect() {
      this.set(admission.limit);
    },
  });
  new Gauge({
    name: 'gateway_in_flight',
    help: 'Requests under way',
    registers: [registry],
    collect() {
      this.set(admission.inFlight);
    },
  });
}
