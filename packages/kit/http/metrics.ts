import { Counter, collectDefaultMetrics, Registry } from 'prom-client';
import { CountedHistogram } from './duration-histogram.ts';
import { DURATION_BUCKETS, RequestCounts } from './request-counts.ts';

export type HttpMetrics = {
  readonly registry: Registry;
  readonly observe: (route: string, method: string, status: number, seconds: number) => void;
};

/** Labels have few values (route patterns, not paths; no tenants): a scrape of many label sets blocks the event loop. */
export function createHttpMetrics(service: string): HttpMetrics {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  const counts = new RequestCounts();
  new Counter({
    name: 'http_requests_total',
    help: 'Answered requests',
    labelNames: ['route', 'method', 'status'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { route, method, byStatus } of counts.all())
        for (const [status, count] of byStatus) this.inc({ route, method, status }, count);
    },
  });
  registry.registerMetric(
    new CountedHistogram({
      name: 'http_request_duration_seconds',
      help: 'Time from the first byte of the request to the last of the answer',
      labelNames: ['route', 'method'],
      bounds: DURATION_BUCKETS,
      *read() {
        for (const { route, method, ...counted } of counts.all()) yield { labels: { route, method }, ...counted };
      },
    }),
  );
  return { registry, observe: (route, method, status, seconds) => counts.observe(route, method, status, seconds) };
}
