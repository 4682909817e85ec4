import { Counter, collectDefaultMetrics, Registry } from 'prom-client';
import { CountedHistogram } from './duration-histogram.ts';
import { DURATION_BUCKETS, RequestCounts, type RouteCounts } from './request-counts.ts';

export type HttpMetrics = {
  readonly registry: Registry;
  /** Where the answers of a route are counted. */
  readonly countsOf: (route: string, method: string) => RouteCounts;
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
      for (const each of counts.all())
        for (const [status, count] of each.byStatus())
          this.inc({ route: each.route, method: each.method, status }, count);
    },
  });
  registry.registerMetric(
    new CountedHistogram({
      name: 'http_request_duration_seconds',
      help: 'Time from the first byte of the request to the last of the answer',
      labelNames: ['route', 'method'],
      bounds: DURATION_BUCKETS,
      *read() {
        for (const { route, method, buckets, seconds, count } of counts.all())
          yield { labels: { route, method }, buckets, seconds, count };
      },
    }),
  );
  return { registry, countsOf: (route, method) => counts.of(route, method) };
}
