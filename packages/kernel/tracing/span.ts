import type { TenantId } from '../id.ts';
import { newSpanId, writeTraceParent } from '../trace-parent.ts';
import type { Attributes, SpanKind } from './finished-span.ts';
import { LocalTrace, type TraceSink } from './local-trace.ts';
import { microsecondsNow } from './microseconds.ts';

export type SpanBeginning = {
  readonly name: string;
  readonly kind: SpanKind;
  readonly tenantId?: TenantId;
  readonly attributes?: Attributes;
};

/** One step of a trace, from its making to `end`. */
export class Span {
  /** Of few kinds: a route's pattern, not a path. */
  name: string;
  readonly spanId: string;
  readonly #kind: SpanKind;
  readonly #parentSpanId: string;
  readonly #trace: LocalTrace;
  readonly #startedAtUs = microsecondsNow();
  #tenantId: TenantId | null;
  #attributes: Record<string, string | number | boolean>;
  #error: string | null = null;
  #isOver = false;

  private constructor(
    trace: LocalTrace,
    ids: { readonly spanId: string; readonly parentSpanId: string },
    { name, kind, tenantId, attributes }: SpanBeginning,
  ) {
    this.#trace = trace;
    this.spanId = ids.spanId;
    this.#parentSpanId = ids.parentSpanId;
    this.name = name;
    this.#kind = kind;
    this.#tenantId = tenantId ?? null;
    this.#attributes = { ...attributes };
  }

  /** The first of what this process does in a trace; when it ends, it is decided whether any of it is kept. */
  static first(
    of: { readonly traceId: string; readonly parentSpanId: string; readonly isSampled: boolean },
    beginning: SpanBeginning,
    sink: TraceSink,
  ): Span {
    const spanId = newSpanId();
    const trace = new LocalTrace({ traceId: of.traceId, firstSpanId: spanId, isSampled: of.isSampled }, sink);
    return new Span(trace, { spanId, parentSpanId: of.parentSpanId }, beginning);
  }

  child(beginning: SpanBeginning): Span {
    return new Span(this.#trace, { spanId: newSpanId(), parentSpanId: this.spanId }, beginning);
  }

  /** What is passed on to whoever works for this step. */
  get traceparent(): string {
    return writeTraceParent(this.#trace.traceId, this.spanId, this.#trace.isSampled);
  }

  set(name: string, value: string | number | boolean): void {
    this.#attributes[name] = value;
  }

  /** Whose it is, where that turns out later. */
  belongsTo(tenantId: TenantId): void {
    this.#tenantId = tenantId;
  }

  /** `type`: a class of errors with few members, as a problem's code, an error's name or a status. */
  fail(type: string): void {
    this.#error = type;
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#trace.ended({
      traceId: this.#trace.traceId,
      spanId: this.spanId,
      parentSpanId: this.#parentSpanId,
      name: this.name,
      kind: this.#kind,
      startedAtUs: this.#startedAtUs,
      durationUs: Math.max(microsecondsNow() - this.#startedAtUs, 0),
      error: this.#error,
      tenantId: this.#tenantId,
      attributes: this.#attributes,
    });
  }

  /** Ends the whole without a trace, where it came to nothing that anybody would look for. */
  discard(): void {
    this.#isOver = true;
    this.#trace.discard();
  }
}
