import type { EventEnvelope } from '@tenantry/contract/event.ts';
import { type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import { isSampled, spanIdOf, traceIdOf, writeTraceParent } from '@tenantry/kernel/trace-parent.ts';
import { microsecondsNow } from '@tenantry/kernel/tracing/microseconds.ts';
import type { SpanBeginning } from '@tenantry/kernel/tracing/span.ts';
import type { Tracer } from '@tenantry/kernel/tracing/tracer.ts';

/** OpenTelemetry, semantic conventions for messaging. */
const messaging = (event: EventEnvelope) => ({
  'messaging.system': 'nats',
  'messaging.destination.name': event.type,
  'messaging.message.id': event.id,
});

export const handlingOf = (event: EventEnvelope, consumer: string): SpanBeginning => ({
  name: `process ${event.type}`,
  kind: 'consumer',
  tenantId: event.tenantid as TenantId,
  attributes: {
    ...messaging(event),
    'messaging.operation.type': 'process',
    'messaging.consumer.group.name': consumer,
  },
});

/**
 * Publishes an event of a trace that is recorded as a step between what told it and what hears it. The step's id comes
 * from the event's, so an event that is published again, because its acknowledgement was lost, is the same step again.
 */
export async function tracePublishing(
  tracer: Tracer | undefined,
  event: EventEnvelope,
  publish: (event: EventEnvelope) => Promise<void>,
): Promise<void> {
  if (tracer === undefined || !isSampled(event.traceparent)) return publish(event);
  const spanId = uuidOf(event.id as `evt_${string}`)
    .replaceAll('-', '')
    .slice(16);
  const traceId = traceIdOf(event.traceparent);
  const startedAtUs = microsecondsNow();
  await publish({ ...event, traceparent: writeTraceParent(traceId, spanId, true) });
  tracer.record({
    traceId,
    spanId,
    parentSpanId: spanIdOf(event.traceparent),
    name: `send ${event.type}`,
    kind: 'producer',
    startedAtUs,
    durationUs: microsecondsNow() - startedAtUs,
    error: null,
    tenantId: event.tenantid as TenantId,
    attributes: { ...messaging(event), 'messaging.operation.type': 'send' },
  });
}
