import { event } from '@tenantry/contract/event.ts';
import { newId } from '@tenantry/kernel/id.ts';
import { readTraceParent, spanIdOf, traceIdOf } from '@tenantry/kernel/trace-parent.ts';
import type { FinishedSpan } from '@tenantry/kernel/tracing/finished-span.ts';
import { Span } from '@tenantry/kernel/tracing/span.ts';
import type { Tracer } from '@tenantry/kernel/tracing/tracer.ts';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { startConsumers } from '../consumer.ts';
import { emit } from '../emit.ts';
import { tracePublishing } from '../event-spans.ts';
import { startOutboxRelay } from '../outbox-relay.ts';
import { on } from '../subscription.ts';
import { newSubject, openTestEvents, type TestEvents } from './open-test-events.ts';

const noteWritten = event('users.note.written.v1', Type.Object({ n: Type.Integer() }));
const noteRead = event('users.note.read.v1', Type.Object({ n: Type.Integer() }));
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const told = (flags: string) => `00-${TRACE}-00f067aa0ba902b7-${flags}`;

let world: TestEvents;
beforeAll(async () => {
  world = await openTestEvents();
});
afterAll(() => world.close());

/** Keeps every step, as a tracer does whose output takes everything. */
function noting() {
  const spans: FinishedSpan[] = [];
  const tracer: Tracer = {
    begin(parent, beginning) {
      const known = readTraceParent(parent);
      return Span.first(
        { traceId: known?.traceId ?? TRACE, parentSpanId: known?.spanId ?? '', isSampled: known?.isSampled ?? false },
        beginning,
        {
          ended(trace) {
            spans.push(...trace.spans);
            return true;
          },
          late: (span) => void spans.push(span),
        },
      );
    },
    record: (span) => void spans.push(span),
  };
  return { spans, tracer };
}

describe('An event of a recorded trace', () => {
  it('is told, sent, handled, and tells again, each following from the one before', async () => {
    const { spans, tracer } = noting();
    const tenantId = newId('ten');
    const subject = newSubject();
    const { databases, nats } = world;
    const onError = () => undefined;
    const relay = startOutboxRelay({ service: 'users', pool: databases.workerPool, nats, tracer, onError });
    const consumers = await startConsumers({
      service: 'users',
      nats,
      withTenant: databases.withTenant,
      tracer,
      subscriptions: [
        on(noteWritten, async (uow, { data }) => emit(uow, noteRead, { subject, version: 2, data: { n: data.n } })),
      ],
      onError,
    });
    try {
      await databases.withTenant(tenantId, (uow) =>
        emit(uow, noteWritten, { subject, version: 1, data: { n: 1 }, traceparent: told('01') }),
      );
      const names = ['send users.note.written.v1', 'process users.note.written.v1', 'send users.note.read.v1'];
      await eventually(() => expect(spans.map(({ name }) => name)).toEqual(expect.arrayContaining(names)));
      const [sent, handled, sentAgain] = names.map((name) => spans.find((span) => span.name === name));
      const unitOfWork = spans.find(({ name }) => name === 'postgresql transaction');
      expect(sent).toMatchObject({ traceId: TRACE, parentSpanId: '00f067aa0ba902b7', kind: 'producer', tenantId });
      expect(handled).toMatchObject({ traceId: TRACE, parentSpanId: sent?.spanId, kind: 'consumer', tenantId });
      expect(unitOfWork).toMatchObject({ traceId: TRACE, parentSpanId: handled?.spanId, kind: 'client', tenantId });
      expect(sentAgain).toMatchObject({ traceId: TRACE, parentSpanId: unitOfWork?.spanId });
    } finally {
      await consumers.stop();
      await relay.stop();
    }
  });
});

describe('Sending an event', () => {
  const envelope = (traceparent: string) => ({
    ...({ specversion: '1.0', id: newId('evt'), source: '/tenantry/users', type: 'users.note.written.v1' } as const),
    ...{ subject: 'note_1', time: '2026-11-22T00:00:00.000Z', datacontenttype: 'application/json' as const },
    ...{ tenantid: newId('ten'), aggregateversion: 1, traceparent, data: { n: 1 } },
  });

  it('again is the same step again', async () => {
    const { spans, tracer } = noting();
    const event1 = envelope(told('01'));
    const passedOn: string[] = [];
    for (let i = 0; i < 2; i++)
      await tracePublishing(tracer, event1, async ({ traceparent }) => void passedOn.push(traceparent));
    expect(spans[0]?.spanId).toBe(spans[1]?.spanId);
    expect(passedOn[0]).toBe(passedOn[1]);
    expect([traceIdOf(passedOn[0] ?? ''), spanIdOf(passedOn[0] ?? '')]).toEqual([TRACE, spans[0]?.spanId]);
  });

  it('that fails leaves no step, and one that nobody records changes nothing', async () => {
    const { spans, tracer } = noting();
    await expect(
      tracePublishing(tracer, envelope(told('01')), () => Promise.reject(new Error('away'))),
    ).rejects.toThrow('away');
    const unrecorded = envelope(told('00'));
    await tracePublishing(tracer, unrecorded, async (sent) => expect(sent).toBe(unrecorded));
    expect(spans).toEqual([]);
  });
});
