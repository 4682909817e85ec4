import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';
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
  registry.registerMetric(new DurationHistogram(counts));
  return { registry, observe: (route, method, status, seconds) => counts.observe(route, method, status, seconds) };
}

type Label = 'route' | 'method';
const DURATION = {
  name: 'http_request_duration_seconds',
  help: 'Time from the first byte of the request to the last of the answer',
};

/** Tells what was counted elsewhere: the library has no way to fill a histogram but one observation after the other. */
class DurationHistogram extends Histogram<Label> {
  readonly #counts: RequestCounts;

  constructor(counts: RequestCounts) {
    super({ ...DURATION, labelNames: ['route', 'method'], registers: [] });
    this.#counts = counts;
  }

  /** What both kinds of scrape begin with, as text and as JSON; the library does not declare it. */
  getForPromString() {
    const values = [...this.#counts.all()].flatMap(({ route, method, buckets, seconds, count }) => {
      const sharedLabels = { route, method };
      let soFar = 0;
      const upTo = DURATION_BUCKETS.map((bound, place) => {
        soFar += buckets[place] ?? 0;
        return { metricName: `${DURATION.name}_bucket`, sharedLabels, labels: { le: bound }, value: soFar };
      });
      return [
        ...upTo,
        { metricName: `${DURATION.name}_bucket`, sharedLabels, labels: { le: '+Inf' }, value: count },
        { metricName: `${DURATION.name}_sum`, sharedLabels, labels: {}, value: seconds },
        { metricName: `${DURATION.name}_count`, sharedLabels, labels: {}, value: count },
      ];
    });
    return { ...DURATION, type: 'histogram', aggregator: 'sum', values };
  }
}
