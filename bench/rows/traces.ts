import { newId } from '@tenantry/kernel/id.ts';
import { continueTrace, derivedHop, isSampled } from '@tenantry/kernel/trace-parent.ts';
import { createLogger } from '@tenantry/kit/logger.ts';
import { HeadSampler } from '@tenantry/kit/tracing/head-sampler.ts';
import { Tracing } from '@tenantry/kit/tracing/tracing.ts';
import { inTurn, ns, repeating, type Sample } from '../in-turn.ts';
import type { Row } from '../table.ts';

/**
 * What tracing costs where nothing is kept: the gateway's share of a request (a decision, a hop for the upstream, a look
 * at the end), and a service's (its request and two steps within it), which is noted in case it fails. Beside them
 * passing a trace on without ever recording one, which every request paid before.
 */
export async function traceRows(): Promise<Row[]> {
  const sampler = new HeadSampler({ ratio: 0.05, requestedPerSecond: 10 });
  const tracing = new Tracing({
    service: 'bench',
    instanceId: 'bench-1',
    configuration: {
      TRACE_SAMPLE_RATIO: 0,
      TRACE_SLOW_MS: 2_000,
      TRACE_REQUESTED_PER_SECOND: 10,
      TRACE_RETENTION_DAYS: 7,
      OTEL_EXPORTER_OTLP_ENDPOINT: '',
      OTEL_EXPORTER_OTLP_HEADERS: '',
      CLICKHOUSE_URL: '',
      TENANTRY_NAMESPACE: '',
    },
    logger: createLogger({ service: 'bench', instanceId: 'bench-1', level: 'silent' }),
  });
  const tenantId = newId('ten');
  const fromGateway = continueTrace(undefined);
  const [passedOn, gateway, service] = await inTurn([
    repeating('passed on', () => continueTrace(undefined)),
    repeating('gateway', () => {
      const traceparent = sampler.enter(undefined);
      return isSampled(traceparent) ? traceparent : derivedHop(traceparent, 1);
    }),
    repeating('service', () => {
      const request = tracing.begin(fromGateway, { name: 'GET', kind: 'server' });
      request.belongsTo(tenantId);
      request.child({ name: 'postgresql read', kind: 'client', tenantId }).end();
      request.child({ name: 'GET /internal/x', kind: 'client', tenantId }).end();
      request.set('http.response.status_code', 200);
      request.end();
    }),
  ]);
  await tracing.close();
  const row = (what: string, sample: Sample, budget: string): Row => ({
    what,
    p50: ns(sample.p50),
    p99: ns(sample.p99),
    ratio: `${(sample.p50 / passedOn.p50).toFixed(1)} of passing a trace on (${ns(passedOn.p50)})`,
    budget,
  });
  return [
    row('traces: a request in the gateway that is not recorded', gateway, '1 us'),
    row('traces: a request in a service and two steps of it, not kept', service, '10 us'),
  ];
}
