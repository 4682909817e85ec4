import { AggregatorRegistry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { createHttpMetrics } from './metrics.ts';

/** Lines of our own metrics, without those of the process. */
const linesOf = (text: string): string[] => text.split('\n').filter((line) => line.startsWith('http_request'));

function observed() {
  const metrics = createHttpMetrics('things');
  metrics.countsOf('/v1/things/:thingId', 'GET').add(200, 0.001);
  metrics.countsOf('/v1/things/:thingId', 'GET').add(404, 0.02);
  metrics.countsOf('/v1/things/:thingId', 'GET').add(200, 60);
  metrics.countsOf('/v1/things', 'POST').add(201, 0.3);
  return metrics;
}

describe('What is told of answered requests', () => {
  it('is counted by route, method and status, and by duration up to each bound', async () => {
    const { registry } = observed();
    const lines = linesOf(await registry.metrics());
    const of = 'route="/v1/things/:thingId",method="GET"';
    expect(lines).toContain(`http_requests_total{${of},status="200",service="things"} 2`);
    expect(lines).toContain(`http_requests_total{${of},status="404",service="things"} 1`);
    const bucket = (le: string) =>
      lines.find((line) => line.includes(`le="${le}"`) && line.includes(of))?.split(' ')[1];
    expect(['0.001', '0.01', '0.025', '10', '+Inf'].map(bucket)).toEqual(['1', '1', '2', '2', '3']);
    expect(lines.some((line) => line.startsWith('http_request_duration_seconds_sum') && line.endsWith(' 60.021'))).toBe(
      true,
    );
    expect(lines).toContain('http_request_duration_seconds_count{service="things",route="/v1/things",method="POST"} 1');
  });

  it('is not counted twice by a second scrape, and goes on growing', async () => {
    const { registry, countsOf } = observed();
    const first = linesOf(await registry.metrics());
    expect(linesOf(await registry.metrics())).toEqual(first);
    countsOf('/v1/things', 'POST').add(201, 0.3);
    expect(linesOf(await registry.metrics())).toContain(
      'http_requests_total{route="/v1/things",method="POST",status="201",service="things"} 2',
    );
  });

  it('adds up over the processes of one gateway', async () => {
    const parts = await Promise.all([observed(), observed()].map(({ registry }) => registry.getMetricsAsJSON()));
    const lines = linesOf(await AggregatorRegistry.aggregate(parts).metrics());
    expect(lines).toContain(
      'http_request_duration_seconds_bucket{le="+Inf",route="/v1/things/:thingId",method="GET",service="things"} 6',
    );
    expect(lines).toContain(
      'http_requests_total{route="/v1/things/:thingId",method="GET",status="200",service="things"} 4',
    );
  });
});
