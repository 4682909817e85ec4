import type { FinishedSpan } from '@tenantry/kernel/tracing/finished-span.ts';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { SpanBuffer } from './span-buffer.ts';

const span = (name: string): FinishedSpan => ({
  ...{ traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7', parentSpanId: '' },
  ...{ name, kind: 'internal', startedAtUs: 1, durationUs: 1, error: null, tenantId: null, attributes: {} },
});
const spans = (count: number) => Array.from({ length: count }, (_, index) => span(`s${index}`));

function open() {
  const taken: string[] = [];
  const troubles: unknown[] = [];
  const state = { isAway: false, closed: 0, sends: 0 };
  const buffer = new SpanBuffer(
    {
      name: 'test',
      async send(batch) {
        state.sends++;
        await Promise.resolve();
        if (state.isAway) throw new Error('away');
        taken.push(...batch.map(({ name }) => name));
      },
      close: async () => void state.closed++,
    },
    (error) => troubles.push(error),
  );
  return { buffer, taken, troubles, state };
}

beforeEach(() => {
  vi.useFakeTimers();
  return () => vi.useRealTimers();
});

describe('Spans on their way out', () => {
  it('are gathered for a second, or until there are a thousand', async () => {
    const { buffer, taken, state } = open();
    buffer.add(spans(3));
    expect(state.sends).toBe(0);
    await vi.advanceTimersByTimeAsync(1_000);
    expect([taken.length, state.sends]).toEqual([3, 1]);
    buffer.add(spans(1_000));
    await vi.advanceTimersByTimeAsync(0);
    expect([taken.length, state.sends, buffer.sent]).toEqual([1_003, 2, 1_003]);
  });

  it('wait in their order while the output is away, and arrive when it is back, each once', async () => {
    const { buffer, taken, troubles, state } = open();
    state.isAway = true;
    buffer.add([span('first')]);
    await vi.advanceTimersByTimeAsync(5_000);
    buffer.add([span('second')]);
    state.isAway = false;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(taken).toEqual(['first', 'second']);
    expect(buffer.dropped).toBe(0);
    expect(troubles).toHaveLength(1); // one line of the log for an outage
  });

  it('are dropped and counted beyond what fits', () => {
    const { buffer, state } = open();
    state.isAway = true;
    buffer.add(spans(8_000));
    buffer.add(spans(1_000));
    expect(buffer.dropped).toBe(808);
  });

  it('do not stand in the way for ever: what nobody takes is dropped for what comes after', async () => {
    const { buffer, taken, state } = open();
    state.isAway = true;
    buffer.add([span('poison')]);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(buffer.dropped).toBe(1);
    state.isAway = false;
    buffer.add([span('after')]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(taken).toEqual(['after']);
  });

  it('are handed on at the close, which an output that is away holds up for a second at most', async () => {
    const there = open();
    there.buffer.add([span('last')]);
    await there.buffer.close();
    expect(there.taken).toEqual(['last']);
    there.buffer.add([span('too late')]);
    expect([there.buffer.dropped, there.state.closed]).toEqual([1, 1]);

    const silent = new SpanBuffer(
      { name: 'silent', send: () => new Promise(() => undefined), close: async () => undefined },
      () => undefined,
    );
    silent.add([span('lost')]);
    const closed = silent.close();
    await vi.advanceTimersByTimeAsync(1_000);
    await closed;
    expect(silent.dropped).toBe(1);
  });
});
