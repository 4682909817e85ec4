import type { StoredSpan } from '@tenantry/kit/tracing/span-store.ts';
import { describe, expect, it } from 'vitest';
import type { TraceSpan } from '../contract/traces.ts';
import { toTrace } from './span-tree.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const id = (n: number): string => String(n).padStart(16, '0');
const span = (n: number, parent: number | null, more: Partial<StoredSpan> = {}): StoredSpan => ({
  spanId: id(n),
  parentSpanId: parent === null ? '' : id(parent),
  service: 'billing',
  name: `s${n}`,
  kind: 'internal',
  startedAtUs: 1_763_805_600_000_000 + n * 1_000,
  durationUs: 500,
  error: null,
  attributes: {},
  ...more,
});
const outline = (spans: readonly TraceSpan[]): unknown[] =>
  spans.map(({ name, isParentMissing, children }) =>
    children.length === 0
      ? `${name}${isParentMissing ? '?' : ''}`
      : [`${name}${isParentMissing ? '?' : ''}`, outline(children)],
  );

describe('A trace as a tree', () => {
  it('hangs each step under what it followed from, by its offset from the beginning', () => {
    const trace = toTrace(TRACE, [span(1, null), span(2, 1), span(3, 2, { error: '503' }), span(4, 1)], 10);
    expect(outline(trace.spans)).toEqual([['s1', [['s2', ['s3']], 's4']]]);
    expect(trace).toMatchObject({
      traceId: TRACE,
      startedAt: '2025-11-22T10:00:00.001Z',
      durationMs: 3.5,
      spanCount: 4,
      isTruncated: false,
      services: ['billing'],
    });
    expect(trace.spans[0]?.children[0]?.children[0]).toMatchObject({
      startOffsetMs: 2,
      durationMs: 0.5,
      status: 'error',
      error: '503',
    });
  });

  it('says where a step is missing, instead of hanging what followed somewhere else', () => {
    expect(outline(toTrace(TRACE, [span(1, null), span(3, 2), span(4, 3)], 10).spans)).toEqual(['s1', ['s3?', ['s4']]]);
  });

  it('ends also when steps name each other, or themselves', () => {
    const { spans, spanCount } = toTrace(TRACE, [span(1, 2), span(2, 1), span(3, 3), span(4, 2)], 10);
    const count = (nodes: readonly TraceSpan[]): number =>
      nodes.reduce((sum, { children }) => sum + 1 + count(children), 0);
    expect(count(spans)).toBe(spanCount);
    expect(spanCount).toBe(4);
  });

  it('shows so many steps and says when there are more', () => {
    const spans = Array.from({ length: 11 }, (_, index) => span(index + 1, index === 0 ? null : 1));
    expect(toTrace(TRACE, spans, 10)).toMatchObject({ spanCount: 10, isTruncated: true });
    expect(toTrace(TRACE, spans, 11)).toMatchObject({ spanCount: 11, isTruncated: false });
  });
});
