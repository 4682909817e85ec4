import type { TenantId } from '../id.ts';

/** As OpenTelemetry numbers them in its API (trace/api, SpanKind). */
export const SPAN_KINDS = ['internal', 'server', 'client', 'producer', 'consumer'] as const;
export type SpanKind = (typeof SPAN_KINDS)[number];

/** Under the names of OpenTelemetry's semantic conventions. Never tokens, personal data, SQL values or query strings. */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** One step of a trace that has ended, as it is kept and exported. */
export type FinishedSpan = {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the first of a trace. */
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: SpanKind;
  /** Microseconds since the epoch. */
  readonly startedAtUs: number;
  readonly durationUs: number;
  /** OpenTelemetry's `error.type`, a class with few members; null where nothing went wrong. */
  readonly error: string | null;
  /** Null for what is nobody's: the platform may see it. */
  readonly tenantId: TenantId | null;
  readonly attributes: Attributes;
};
