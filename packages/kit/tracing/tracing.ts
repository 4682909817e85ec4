import { newTraceId, readTraceParent } from '@tenantry/kernel/trace-parent.ts';
import type { FinishedSpan } from '@tenantry/kernel/tracing/finished-span.ts';
import type { EndedTrace, TraceSink } from '@tenantry/kernel/tracing/local-trace.ts';
import { Span } from '@tenantry/kernel/tracing/span.ts';
import type { Tracer } from '@tenantry/kernel/tracing/tracer.ts';
import type { Logger } from '../logger.ts';
import { HeadSampler } from './head-sampler.ts';
import { createOtlpOutput } from './otlp-output.ts';
import { PerSecond } from './per-second.ts';
import type { TracingConfiguration } from './settings.ts';
import { SpanBuffer, type SpanOutput } from './span-buffer.ts';
import { openSpanStore, type SpanStore } from './span-store.ts';

/** When everything fails at once, so much of it says what there is to say. */
const UNSAMPLED_KEPT_PER_SECOND = 20;

/** What one part of the house notes of what it does: which traces, and where they go. */
export class Tracing implements Tracer {
  readonly sampler: HeadSampler;
  /** Also to read from. */
  readonly store: SpanStore;
  readonly #slowMs: number;
  readonly #unsampled = new PerSecond(UNSAMPLED_KEPT_PER_SECOND);
  readonly #buffers: readonly SpanBuffer[];
  readonly #sink: TraceSink;
  /** Spans that were left out because their trace had too many, or because too many traces failed at once. */
  #leftOut = 0;

  constructor(options: {
    readonly service: string;
    readonly instanceId: string;
    readonly configuration: TracingConfiguration;
    readonly logger: Logger;
  }) {
    const { service, instanceId, configuration, logger } = options;
    this.#slowMs = configuration.TRACE_SLOW_MS;
    const store = openSpanStore({
      url: configuration.CLICKHOUSE_URL,
      namespace: configuration.TENANTRY_NAMESPACE,
      retentionDays: configuration.TRACE_RETENTION_DAYS,
    });
    this.store = store;
    const { CLICKHOUSE_URL: url, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } = configuration;
    const outputs: SpanOutput[] = [];
    if (url !== '')
      outputs.push({
        name: 'clickhouse',
        send: (spans) => store.write({ service, instanceId }, spans),
        close: store.close,
      });
    if (endpoint !== '')
      outputs.push(
        createOtlpOutput({ endpoint, headers: configuration.OTEL_EXPORTER_OTLP_HEADERS, service, instanceId }),
      );
    this.#buffers = outputs.map(
      (output) =>
        new SpanBuffer(output, (error) =>
          logger.warn({ err: error, output: output.name }, 'traces cannot be handed on; they wait, then are dropped'),
        ),
    );
    this.sampler = new HeadSampler({
      // Nobody is asked to record for one who has nowhere to put it.
      ratio: outputs.length === 0 ? 0 : configuration.TRACE_SAMPLE_RATIO,
      requestedPerSecond: configuration.TRACE_REQUESTED_PER_SECOND,
    });
    this.#sink = {
      ended: (trace) => this.#ended(trace),
      late: (span) => this.record(span),
    };
  }

  begin(parent: string | undefined, beginning: Parameters<Tracer['begin']>[1]): Span {
    const known = readTraceParent(parent);
    const traceId = known?.traceId ?? newTraceId();
    const isSampled = known?.isSampled ?? this.sampler.chooses(traceId);
    return Span.first({ traceId, parentSpanId: known?.spanId ?? '', isSampled }, beginning, this.#sink);
  }

  record(span: FinishedSpan): void {
    this.keep([span]);
  }

  keep(spans: readonly FinishedSpan[]): void {
    for (const buffer of this.#buffers) buffer.add(spans);
  }

  isSlow(durationMs: number): boolean {
    return durationMs > this.#slowMs;
  }

  /** Whether one more trace that was not sampled, but failed or was slow, is kept: so many in a second. */
  isRemarkable(): boolean {
    if (this.#buffers.length === 0) return false;
    if (this.#unsampled.take()) return true;
    this.#leftOut++;
    return false;
  }

  /** Since the start, by output. */
  get counts(): readonly { readonly output: string; readonly sent: number; readonly dropped: number }[] {
    return this.#buffers.map(({ name, sent, dropped }) => ({ output: name, sent, dropped }));
  }

  get leftOut(): number {
    return this.#leftOut;
  }

  /** Hands on what waits, as far as that goes at once. */
  async flush(): Promise<void> {
    await Promise.all(this.#buffers.map((buffer) => buffer.flush()));
  }

  async close(): Promise<void> {
    await Promise.all(this.#buffers.map((buffer) => buffer.close()));
    await this.store.close();
  }

  #ended({ isSampled, hasFailed, durationUs, spans, leftOut }: EndedTrace): boolean {
    if (!isSampled && !((hasFailed || this.isSlow(durationUs / 1_000)) && this.isRemarkable())) return false;
    this.#leftOut += leftOut;
    this.keep(spans);
    return true;
  }
}
