import { type Consumer, type ConsumerMessages, DeliverPolicy } from '@nats-io/jetstream';
import type { EventDefinition, EventEnvelope, EventType } from '@tenantry/contract/event.ts';
import { newUuid } from '@tenantry/kernel/id.ts';
import type { TSchema } from 'typebox';
import { parseEnvelope } from './envelope.ts';
import { ensureStream, type Nats } from './nats.ts';
import { SIGN_OF_LIFE_MS } from './sign-of-life.ts';
import { streamName, typeSubjects } from './subjects.ts';

export type HearEverywhereOptions = {
  readonly nats: Nats;
  readonly event: EventDefinition<EventType, TSchema>;
  /** Must not fail and does nothing that has to be done. */
  readonly onEvent: (event: EventEnvelope) => void;
  /** From here on nothing is missed; what was told before may have been. Once at the beginning, and after each gap. */
  readonly onGap: () => void;
  readonly onError: (error: unknown) => void;
};

const REOPEN_MS = 500;

/**
 * Every process hears every event of one type from now on, for what it keeps in memory: no inbox, no order, nothing is kept
 * for who is away. An ordered consumer finds its own gaps; one that cannot go on is opened anew, and says so.
 */
export function hearEverywhere(options: HearEverywhereOptions): { readonly stop: () => Promise<void> } {
  const stopping = new AbortController();
  const { signal } = stopping;
  let messages: ConsumerMessages | null = null;
  const running = (async () => {
    while (!signal.aborted) {
      let consumer: Consumer | null = null;
      try {
        consumer = await open(options);
        messages = await consumer.consume({ idle_heartbeat: SIGN_OF_LIFE_MS });
        if (signal.aborted) messages.stop();
        options.onGap();
        for await (const message of messages) {
          const event = parseEnvelope(message.data);
          if (event?.type === options.event.type) options.onEvent(event);
        }
      } catch (error) {
        if (!signal.aborted) options.onError(error);
      }
      await consumer?.delete().catch(() => undefined);
      if (!signal.aborted) await waitOr(signal);
    }
  })();
  return {
    async stop() {
      stopping.abort();
      messages?.stop();
      await running;
    },
  };
}

async function open({ nats, event: { service, type } }: HearEverywhereOptions): Promise<Consumer> {
  await ensureStream(nats, service);
  return nats.jetstream.consumers.get(streamName(nats.namespace, service), {
    name_prefix: `hear-${newUuid()}`,
    filter_subjects: typeSubjects(nats.namespace, type),
    deliver_policy: DeliverPolicy.New,
  });
}

function waitOr(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, REOPEN_MS);
  signal.addEventListener('abort', () => resolve(), { once: true });
  return promise.finally(() => clearTimeout(timer));
}
