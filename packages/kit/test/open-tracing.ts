import { createLogger } from '../logger.ts';
import { Tracing } from '../tracing/tracing.ts';

/** As a service has it. Nothing is recorded by chance: what a test wants to see it asks for. */
export const openTracing = (options: {
  readonly service: string;
  readonly clickhouseUrl: string;
  readonly namespace: string;
  readonly ratio?: number;
  readonly slowMs?: number;
  readonly collector?: string;
}): Tracing =>
  new Tracing({
    service: options.service,
    instanceId: `${options.service}-1`,
    configuration: {
      TRACE_SAMPLE_RATIO: options.ratio ?? 0,
      TRACE_SLOW_MS: options.slowMs ?? 60_000,
      TRACE_REQUESTED_PER_SECOND: 100,
      TRACE_RETENTION_DAYS: 7,
      OTEL_EXPORTER_OTLP_ENDPOINT: options.collector ?? '',
      OTEL_EXPORTER_OTLP_HEADERS: '',
      CLICKHOUSE_URL: options.clickhouseUrl,
      TENANTRY_NAMESPACE: options.namespace,
    },
    logger: createLogger({ service: options.service, instanceId: '1', level: 'silent' }),
  });
