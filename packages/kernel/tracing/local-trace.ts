import type { FinishedSpan } from './finished-span.ts';

export type EndedTrace = {
  readonly isSampled: boolean;
  /** Some step of it went wrong. */
  readonly hasFailed: boolean;
  readonly durationUs: number;
  readonly spans: readonly FinishedSpan[];
  /** Steps beyond what one trace may hold in memory. */
  readonly leftOut: number;
};

/** Who is told of what this process did in a trace. */
export type TraceSink = {
  /** @returns whether it is kept */
  readonly ended: (trace: EndedTrace) => boolean;
  /** A step that outlived the first one, of a trace that is kept. */
  readonly late: (span: FinishedSpan) => void;
};

/** A loop over thousands of statements must not fill the memory with them. */
const MOST_SPANS = 256;
/** What a request has set going for good is not a step of it any more. */
const LONGEST_AFTERWARDS_MS = 60_000;

/** What one process does in one trace. It is held until the first step ends: only then is known whether it went well. */
export class LocalTrace {
  readonly traceId: string;
  readonly isSampled: boolean;
  readonly #firstSpanId: string;
  readonly #sink: TraceSink;
  #spans: FinishedSpan[] = [];
  #leftOut = 0;
  #hasFailed = false;
  #late = 0;
  #finishedAtMs = 0;
  #state: 'open' | 'kept' | 'dropped' = 'open';

  constructor(of: { traceId: string; firstSpanId: string; isSampled: boolean }, sink: TraceSink) {
    this.traceId = of.traceId;
    this.isSampled = of.isSampled;
    this.#firstSpanId = of.firstSpanId;
    this.#sink = sink;
  }

  ended(span: FinishedSpan): void {
    if (this.#state === 'kept') this.#tellLate(span);
    if (this.#state !== 'open') return;
    if (span.error !== null) this.#hasFailed = true;
    const isFirst = span.spanId === this.#firstSpanId;
    if (isFirst || this.#spans.length < MOST_SPANS) this.#spans.push(span);
    else this.#leftOut++;
    if (isFirst) this.#finish(span);
  }

  discard(): void {
    this.#state = 'dropped';
    this.#spans = [];
  }

  #tellLate(span: FinishedSpan): void {
    if (performance.now() - this.#finishedAtMs > LONGEST_AFTERWARDS_MS || this.#late >= MOST_SPANS) return;
    this.#late++;
    this.#sink.late(span);
  }

  #finish({ tenantId, durationUs }: FinishedSpan): void {
    const whose = tenantId ?? this.#spans.find((span) => span.tenantId !== null)?.tenantId ?? null;
    const isKept = this.#sink.ended({
      isSampled: this.isSampled,
      hasFailed: this.#hasFailed,
      durationUs,
      spans: this.#spans.map((span) => (span.tenantId === null ? { ...span, tenantId: whose } : span)),
      leftOut: this.#leftOut,
    });
    this.#state = isKept ? 'kept' : 'dropped';
    this.#finishedAtMs = performance.now();
    this.#spans = [];
  }
}
