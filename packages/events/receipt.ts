import type { JsMsg } from '@nats-io/jetstream';
import type { Nats } from './nats.ts';

/**
 * What is told the server of one delivery. It is kept instead of the message, which would keep the whole piece of the
 * connection's bytes that it came in.
 */
export class Receipt {
  /** The message's place in its stream. */
  readonly seq: number;
  readonly isRedelivered: boolean;
  readonly #reply: string;
  readonly #nats: Nats;

  /** @param message whose `reply` the client's interface leaves out */
  constructor(nats: Nats, message: JsMsg) {
    this.seq = message.seq;
    this.isRedelivered = message.redelivered;
    this.#reply = (message as JsMsg & { readonly reply: string }).reply;
    this.#nats = nats;
  }

  /** Done. One that is lost on its way leads to another delivery. */
  ack(): void {
    this.#say('+ACK');
  }

  /** Not to be delivered again, although it is not done. */
  term(): void {
    this.#say('+TERM');
  }

  /** Still here: the time to acknowledge begins anew. Without a connection nothing is said, for it would pile up. */
  working(): void {
    if (this.#nats.isConnected()) this.#say('+WPI');
  }

  #say(word: string): void {
    const { connection } = this.#nats;
    if (!connection.isClosed()) connection.publish(this.#reply, word);
  }
}
