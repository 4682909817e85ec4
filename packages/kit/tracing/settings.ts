import { type Static, Type } from 'typebox';
import { SecretText, ServerUrl } from '../configuration/secrecy.ts';

/** What of traces is kept, where, and for how long. */
export const TracingSettings = {
  TRACE_SAMPLE_RATIO: Type.Number({
    default: 0.05,
    minimum: 0,
    maximum: 1,
    description: 'Share of all traces that is recorded; what fails or is slow is recorded besides, see TRACE_SLOW_MS',
  }),
  TRACE_SLOW_MS: Type.Integer({
    default: 2_000,
    minimum: 1,
    description: 'What takes a process longer than this is recorded',
  }),
  TRACE_REQUESTED_PER_SECOND: Type.Integer({
    default: 10,
    minimum: 0,
    description: 'Traces that clients ask to be recorded (the flag in traceparent), of each gateway process',
  }),
  TRACE_RETENTION_DAYS: Type.Integer({ default: 7, minimum: 1, maximum: 366, description: 'Until they are forgotten' }),
  OTEL_EXPORTER_OTLP_ENDPOINT: ServerUrl({
    default: '',
    description: 'http(s)://host:port of an OpenTelemetry collector that gets the same traces (OTLP/HTTP, JSON, gzip)',
  }),
  OTEL_EXPORTER_OTLP_HEADERS: SecretText({
    default: '',
    description: 'Headers for it, as name=value with commas between',
  }),
};

const TracingSchema = Type.Object(TracingSettings);
export type TracingConfiguration = Static<typeof TracingSchema> & {
  readonly CLICKHOUSE_URL: string;
  readonly TENANTRY_NAMESPACE: string;
};
