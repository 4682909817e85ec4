import type { StoredSpan } from '@tenantry/kit/tracing/span-store.ts';
import type { Trace, TraceSpan } from '../contract/traces.ts';

/** Spans in the order of their beginnings, hung under what they followed from. `spans` has at least one. */
export function toTrace(traceId: string, spans: readonly StoredSpan[], mostSpans: number): Trace {
  const shown = spans.slice(0, mostSpans);
  const beganAtUs = Math.min(...shown.map(({ startedAtUs }) => startedAtUs));
  const endedAtUs = Math.max(...shown.map(({ startedAtUs, durationUs }) => startedAtUs + durationUs));
  const nodes = new Map<string, TraceSpan>();
  for (const span of shown) nodes.set(span.spanId, toNode(span, beganAtUs));
  const roots: TraceSpan[] = [];
  for (const node of nodes.values()) {
    const parent = node.parentSpanId === null ? undefined : nodes.get(node.parentSpanId);
    // Ids come from outside too: two spans that name each other would be in nobody's tree.
    if (parent === undefined || isAbove(node, parent, nodes)) {
      node.isParentMissing = node.parentSpanId !== null;
      roots.push(node);
    } else parent.children.push(node);
  }
  return {
    traceId,
    startedAt: Temporal.Instant.fromEpochMilliseconds(Math.floor(beganAtUs / 1_000)).toString({
      smallestUnit: 'millisecond',
    }),
    durationMs: toMilliseconds(endedAtUs - beganAtUs),
    spanCount: nodes.size,
    isTruncated: spans.length > mostSpans,
    services: [...new Set(shown.map(({ service }) => service))],
    spans: roots,
  };
}

/** Whether `node` is `descendant`, or stands over it. */
function isAbove(node: TraceSpan, descendant: TraceSpan, nodes: ReadonlyMap<string, TraceSpan>): boolean {
  const seen = new Set<string>();
  for (let at: TraceSpan | undefined = descendant; at !== undefined && !seen.has(at.spanId); ) {
    if (at === node) return true;
    seen.add(at.spanId);
    at = at.parentSpanId === null ? undefined : nodes.get(at.parentSpanId);
  }
  return false;
}

const toMilliseconds = (us: number): number => Math.round(us) / 1_000;

const toNode = (span: StoredSpan, beganAtUs: number): TraceSpan => ({
  spanId: span.spanId,
  parentSpanId: span.parentSpanId === '' ? null : span.parentSpanId,
  isParentMissing: false,
  service: span.service,
  name: span.name,
  kind: span.kind,
  startOffsetMs: toMilliseconds(span.startedAtUs - beganAtUs),
  durationMs: toMilliseconds(span.durationUs),
  status: span.error === null ? 'ok' : 'error',
  error: span.error,
  attributes: { ...span.attributes },
  children: [],
});
