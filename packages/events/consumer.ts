import type { Pool } from 'pg';
import { ConsumerGroup, type ConsumerGroupOptions } from './consumer-group.ts';
import { startLeading } from './leadership.ts';
import type { Subscription } from './subscription.ts';
import { Turnstile } from './turnstile.ts';

export type ConsumersOptions<Tables> = ConsumerGroupOptions<Tables> & {
  readonly subscriptions: readonly Subscription<Tables>[];
  /**
   * Of the worker role. With it one instance of the service consumes at a time and the others wait to take over; without
   * it there may be only one instance, for two would share out the events of one aggregate between them.
   */
  readonly pool?: Pool;
};

/**
 * One durable consumer per source aggregate. Events of one aggregate are handled in order, others side by side. A
 * failing event is tried again after growing waits, and the later ones of its aggregate wait behind it; after the last
 * attempt, or at once when trying again cannot help, it becomes a dead letter.
 */
export async function startConsumers<Tables>(
  options: ConsumersOptions<Tables>,
): Promise<{ readonly stop: () => Promise<void> }> {
  const bySource = Map.groupBy(options.subscriptions, ({ event }) => `${event.service}.${event.aggregate}`);
  const turnstile = new Turnstile();
  const groups = [...bySource.values()].map((subscriptions) => new ConsumerGroup(options, subscriptions, turnstile));
  if (options.pool !== undefined && groups.length > 0) {
    const name = `consumers:${options.nats.namespace}:${options.service}`;
    const onError = (error: unknown) => options.onError(error, null);
    return startLeading({ pool: options.pool, name, onError }, async (_client, signal) => {
      await Promise.all(groups.map((group) => group.rewind()));
      await Promise.all(groups.map((group) => group.run(signal)));
    });
  }
  await Promise.all(groups.map((group) => group.rewind()));
  const stopping = new AbortController();
  const running = Promise.all(groups.map((group) => group.run(stopping.signal)));
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
