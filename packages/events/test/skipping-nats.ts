import type { JsMsg } from '@nats-io/jetstream';
import { connectNats, type Nats } from '../nats.ts';

type Told = Pick<JsMsg, 'info' | 'seq'>;
type Consume = (options: { callback: (message: Told) => void }) => Promise<unknown>;
type Consumers = { getPushConsumer: (...args: unknown[]) => Promise<{ consume: Consume }> };

/**
 * A connection whose watches do not hear of some messages, as if the server had skipped them (nats-server 2.9 does, now and
 * then). `isSkipped` is asked for each that arrives.
 */
export async function connectSkippingNats(
  options: Parameters<typeof connectNats>[0],
  isSkipped: (message: Told) => boolean,
): Promise<Nats> {
  const nats = await connectNats(options);
  const consumers = nats.jetstream.consumers as unknown as Consumers;
  const getPushConsumer = consumers.getPushConsumer.bind(consumers);
  consumers.getPushConsumer = async (...args) => {
    const consumer = await getPushConsumer(...args);
    const consume = consumer.consume.bind(consumer);
    consumer.consume = (consuming) =>
      consume({
        ...consuming,
        callback: (message) => {
          if (!isSkipped(message)) consuming.callback(message);
        },
      });
    return consumer;
  };
  return nats;
}
