import { setImmediate } from 'node:timers/promises';
import type { ConsumerMessages, JsMsg } from '@nats-io/jetstream';
import { type DurableOptions, openDurable, rewindDurable } from './durable-consumer.ts';
import type { Nats } from './nats.ts';
import { SIGN_OF_LIFE_MS } from './sign-of-life.ts';

export type Taker = {
  readonly take: (message: JsMsg) => void;
  /** As long as it is false nothing is taken. */
  readonly hasRoom: () => boolean;
  readonly room: () => Promise<void>;
};

/** Asked of the server ahead. */
const MOST_AT_ONCE = 64;

/**
 * What the server delivers to a durable consumer, in the order of its stream. It numbers its deliveries: one that was lost with
 * its connection would come again only after newer ones, when its time to acknowledge is over, so where a number is missing
 * the consumer is rewound to what was not acknowledged before anything newer is taken.
 */
export class Deliveries {
  readonly #nats: Nats;
  readonly #durable: DurableOptions;
  #next = 1;

  constructor(nats: Nats, durable: DurableOptions) {
    this.#nats = nats;
    this.#durable = durable;
  }

  /** @returns the number in the stream of the last message that was delivered and not acknowledged; 0 where there was none */
  async rewind(): Promise<number> {
    const { lastUnderWay, nextDelivery } = await rewindDurable(this.#nats, this.#durable);
    this.#next = nextDelivery;
    return lastUnderWay;
  }

  /** Until `signal`, or until they have to be read anew; rejects where the server cannot be asked. */
  async read(taker: Taker, signal: AbortSignal): Promise<void> {
    const consumer = await openDurable(this.#nats, this.#durable);
    const messages = await consumer.consume({
      max_messages: MOST_AT_ONCE,
      idle_heartbeat: SIGN_OF_LIFE_MS,
      abort_on_missing_resource: true,
    });
    const stop = () => messages.stop();
    signal.addEventListener('abort', stop);
    const lost = this.#watchForLoss(messages, taker);
    let isBehindAGap = false;
    try {
      if (signal.aborted) return;
      for await (const message of messages) {
        isBehindAGap = message.info.deliverySequence > this.#next;
        if (isBehindAGap) break;
        this.#next = message.info.deliverySequence + 1;
        taker.take(message);
        if (!taker.hasRoom()) await taker.room();
      }
    } finally {
      // Before anything is rewound, which would be sent to whoever still asks here.
      stop();
      signal.removeEventListener('abort', stop);
    }
    // Who is to stop leaves that to whoever leads next, and may be reading already.
    if (((await lost) || isBehindAGap) && !signal.aborted) await this.rewind();
  }

  /** What was lost has perhaps nothing newer behind it, but the server says now and then how far it has delivered. */
  async #watchForLoss(messages: ConsumerMessages, taker: Taker): Promise<boolean> {
    for await (const said of messages.status()) {
      if (said.type !== 'heartbeat') continue;
      await setImmediate(); // What has arrived is read before, unless there is no room for it.
      if (!taker.hasRoom() || said.lastConsumerSequence < this.#next) continue;
      messages.stop();
      return true;
    }
    return false;
  }
}
