import { type FinishedSpan, SPAN_KINDS } from '@tenantry/kernel/tracing/finished-span.ts';
import type { SpanOutput } from './span-buffer.ts';

type Exporter = import('@opentelemetry/exporter-trace-otlp-http').OTLPTraceExporter;
type ReadableSpan = Parameters<Exporter['export']>[0][number];
type ExporterOptions = ConstructorParameters<
  typeof import('@opentelemetry/exporter-trace-otlp-http').OTLPTraceExporter
>[0];

const SCOPE = { name: 'tenantry' };
const TRACES_PATH = 'v1/traces';
/** OpenTelemetry's StatusCode. */
const UNSET = 0;
const ERROR = 2;
const SAMPLED = 1;

/**
 * To a collector, over OTLP/HTTP in JSON. The library's exporter sends again by itself what was refused for a passing
 * reason, after the Retry-After of the answer; it is loaded only where there is somebody to send to (250 ms, 15 MB).
 */
export function createOtlpOutput(options: {
  readonly endpoint: string;
  /** `name=value` with commas between. */
  readonly headers: string;
  readonly service: string;
  readonly instanceId: string;
}): SpanOutput {
  const resource = {
    attributes: {
      'service.name': options.service,
      'service.namespace': 'tenantry',
      'service.instance.id': options.instanceId,
    },
  } as unknown as ReadableSpan['resource'];
  let exporter: Promise<Exporter> | null = null;
  const open = async (): Promise<Exporter> => {
    const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-http');
    return new OTLPTraceExporter({
      url: new URL(TRACES_PATH, `${options.endpoint.replace(/\/+$/, '')}/`).href,
      headers: readHeaders(options.headers),
      compression: 'gzip' as NonNullable<NonNullable<ExporterOptions>['compression']>,
    });
  };
  return {
    name: 'otlp',
    async send(spans) {
      exporter ??= open();
      const opened = await exporter;
      await new Promise<void>((resolve, reject) => {
        opened.export(
          spans.map((span) => toReadableSpan(span, resource)),
          ({ code, error }) => (code === 0 ? resolve() : reject(error ?? new Error('The collector took no spans.'))),
        );
      });
    },
    close: async () => (await exporter)?.shutdown(),
  };
}

const readHeaders = (text: string): Record<string, string> =>
  Object.fromEntries(
    text
      .split(',')
      .map((pair) => pair.split('='))
      .flatMap(([name = '', ...value]) => (name.trim() === '' ? [] : [[name.trim(), value.join('=').trim()]])),
  );

function toReadableSpan(span: FinishedSpan, resource: ReadableSpan['resource']): ReadableSpan {
  const context = (spanId: string) => ({ traceId: span.traceId, spanId, traceFlags: SAMPLED });
  const { tenantId, error } = span;
  return {
    name: span.name,
    kind: SPAN_KINDS.indexOf(span.kind),
    spanContext: () => context(span.spanId),
    ...(span.parentSpanId === '' ? {} : { parentSpanContext: context(span.parentSpanId) }),
    startTime: toHrTime(span.startedAtUs),
    endTime: toHrTime(span.startedAtUs + span.durationUs),
    duration: toHrTime(span.durationUs),
    status: error === null ? { code: UNSET } : { code: ERROR, message: error },
    attributes: {
      ...span.attributes,
      ...(tenantId === null ? {} : { 'tenantry.tenant.id': tenantId }),
      ...(error === null ? {} : { 'error.type': error }),
    },
    links: [],
    events: [],
    ended: true,
    resource,
    instrumentationScope: SCOPE,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

/** Seconds and nanoseconds. */
const toHrTime = (us: number): [number, number] => [Math.floor(us / 1e6), (us % 1e6) * 1_000];
