import { describe, expect, it, vi } from 'vitest';
import { currentSpan, currentTraceparent, runWithContext } from '../call-context.ts';
import { newId } from '../id.ts';
import { notFound, upstreamUnavailable } from '../problems.ts';
import { readTraceParent } from '../trace-parent.ts';
import { inChildSpan } from './child-span.ts';
import type { FinishedSpan } from './finished-span.ts';
import type { EndedTrace } from './local-trace.ts';
import { Span } from './span.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

function begin({ isKept = true, isSampled = true } = {}) {
  const ended: EndedTrace[] = [];
  const late: FinishedSpan[] = [];
  const first = Span.first(
    { traceId: TRACE, parentSpanId: '00f067aa0ba902b7', isSampled },
    { name: 'GET /a', kind: 'server' },
    {
      ended(trace) {
        ended.push(trace);
        return isKept;
      },
      late: (span) => void late.push(span),
    },
  );
  return { first, ended, late };
}

describe('What a process does in one trace', () => {
  it('is handed on when its first step ends, with what each step followed from', () => {
    const { first, ended } = begin();
    const child = first.child({ name: 'read', kind: 'client', attributes: { 'db.system.name': 'postgresql' } });
    const grandchild = child.child({ name: 'inner', kind: 'internal' });
    grandchild.end();
    child.end();
    expect(ended).toEqual([]);
    first.set('http.response.status_code', 200);
    first.end();
    first.end();
    expect(ended).toHaveLength(1);
    const [trace] = ended;
    expect(trace).toMatchObject({ isSampled: true, hasFailed: false, leftOut: 0 });
    expect(trace?.spans.map(({ name, parentSpanId, traceId }) => ({ name, parentSpanId, traceId }))).toEqual([
      { name: 'inner', parentSpanId: child.spanId, traceId: TRACE },
      { name: 'read', parentSpanId: first.spanId, traceId: TRACE },
      { name: 'GET /a', parentSpanId: '00f067aa0ba902b7', traceId: TRACE },
    ]);
    expect(trace?.spans.map(({ attributes }) => attributes)).toEqual([
      {},
      { 'db.system.name': 'postgresql' },
      { 'http.response.status_code': 200 },
    ]);
    for (const { startedAtUs, durationUs } of trace?.spans ?? []) {
      expect(Math.abs(startedAtUs / 1_000 - Date.now())).toBeLessThan(60_000);
      expect(durationUs).toBeGreaterThanOrEqual(0);
    }
  });

  it('belongs to the tenant that turned up in it, but for what says its own', () => {
    const { first, ended } = begin();
    const [one, other] = [newId('ten'), newId('ten')];
    first.child({ name: 'nobody', kind: 'internal' }).end();
    first.child({ name: 'one', kind: 'client', tenantId: one }).end();
    first.child({ name: 'other', kind: 'client', tenantId: other }).end();
    first.end();
    expect(ended[0]?.spans.map(({ tenantId }) => tenantId)).toEqual([one, one, other, one]);
  });

  it('holds so many steps and counts the rest; the first is always among them', () => {
    const { first, ended } = begin();
    for (let i = 0; i < 300; i++) first.child({ name: `s${i}`, kind: 'client' }).end();
    first.end();
    expect(ended[0]?.spans).toHaveLength(257);
    expect(ended[0]?.leftOut).toBe(44);
    expect(ended[0]?.spans.at(-1)?.name).toBe('GET /a');
  });

  it('goes on after its first step, where it is kept and only there', () => {
    for (const isKept of [true, false]) {
      const { first, late } = begin({ isKept });
      const child = first.child({ name: 'afterwards', kind: 'client' });
      first.end();
      child.end();
      expect(late.map(({ name }) => name)).toEqual(isKept ? ['afterwards'] : []);
    }
  });

  it('is over a minute after its first step: what it has set going for good is not a step of it', () => {
    vi.useFakeTimers();
    try {
      const { first, late } = begin();
      first.end();
      vi.advanceTimersByTime(59_000);
      first.child({ name: 'soon', kind: 'client' }).end();
      vi.advanceTimersByTime(2_000);
      first.child({ name: 'for ever', kind: 'client' }).end();
      expect(late.map(({ name }) => name)).toEqual(['soon']);
    } finally {
      vi.useRealTimers();
    }
  });

  it('does not go on without end either', () => {
    const { first, late } = begin();
    first.end();
    for (let i = 0; i < 300; i++) first.child({ name: `s${i}`, kind: 'client' }).end();
    expect(late).toHaveLength(256);
  });

  it('is forgotten when it is discarded', () => {
    const { first, ended, late } = begin();
    const child = first.child({ name: 'x', kind: 'client' });
    first.discard();
    child.end();
    first.end();
    expect([ended, late]).toEqual([[], []]);
  });
});

describe('A step of what is being done', () => {
  const run = async (work: () => Promise<unknown>, refused?: (error: unknown) => boolean) => {
    const { first, ended } = begin();
    const context = { traceparent: first.traceparent, deadlineMs: 1, span: first };
    const outcome = await runWithContext(context, () =>
      inChildSpan({ name: 'step', kind: 'client' }, work, refused).catch((error: unknown) => error),
    );
    first.end();
    return { outcome, trace: ended[0], first };
  };

  it('is what everything within it follows from', async () => {
    const { outcome, trace, first } = await run(async () => {
      await Promise.resolve();
      return [currentTraceparent(), currentSpan()?.spanId];
    });
    const [traceparent, spanId] = outcome as [string, string];
    expect(readTraceParent(traceparent)).toEqual({ traceId: TRACE, spanId, isSampled: true });
    expect(spanId).not.toBe(first.spanId);
    expect(trace?.spans[0]).toMatchObject({ name: 'step', spanId, parentSpanId: first.spanId, error: null });
  });

  it.each([
    ['a fault of ours', () => new TypeError('x'), 'TypeError'],
    ['what the network says', () => Object.assign(new Error('x'), { code: 'ECONNREFUSED' }), 'ECONNREFUSED'],
    ['a code that could hold anything', () => Object.assign(new Error('x'), { code: 'a b' }), 'Error'],
    ['something that is away', () => upstreamUnavailable('x'), 'upstream-unavailable'],
    ['a refusal', () => notFound('x'), null],
  ])('fails with %s, or does not', async (_what, make, error) => {
    const { trace } = await run(() => Promise.reject(make()));
    expect(trace?.spans[0]?.error).toBe(error);
    expect(trace?.hasFailed).toBe(error !== null);
  });

  it('does not fail with what the other side gave as its answer', async () => {
    const { trace, outcome } = await run(
      () => Promise.reject(new TypeError('x')),
      (error) => error instanceof TypeError,
    );
    expect(outcome).toBeInstanceOf(TypeError);
    expect(trace?.hasFailed).toBe(false);
  });

  it('outside of anything that is traced is just done', async () => {
    expect(await inChildSpan({ name: 'step', kind: 'client' }, async (span) => span)).toBeNull();
  });
});
