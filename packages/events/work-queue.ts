import {
  AckPolicy,
  type ConsumerMessages,
  DeliverPolicy,
  DiscardPolicy,
  type JsMsg,
  RetentionPolicy,
} from '@nats-io/jetstream';
import type { TenantId } from '@tenantry/kernel/id.ts';
import type { Nats } from './nats.ts';
import { SIGN_OF_LIFE_MS } from './sign-of-life.ts';
import { bucketName } from './subjects.ts';
import { whenAborted } from './when-aborted.ts';

export type WorkQueueOptions<Item> = {
  readonly nats: Nats;
  readonly name: string;
  /** How long something waits at most; after that it is gone. */
  readonly maxAgeMs: number;
  /** False when it is to be tried again. Throws when trying again cannot help: then it is gone. */
  readonly handle: (item: Item) => Promise<boolean>;
  readonly onError: (error: unknown) => void;
};

export type WorkQueue<Item> = {
  /**
   * Resolves when it is kept by JetStream; rejects when it may not be.
   * @param id the same one within two minutes is kept once
   */
  readonly put: (tenantId: TenantId, id: string, item: Item) => Promise<void>;
  /** What is under way here is finished, what was taken and not begun goes to the others. */
  readonly close: () => Promise<void>;
};

const MAX_WAITING = 1_000_000;
const PUBLISH_TIMEOUT_MS = 1_000;
const LANES = 8;
const MAX_TAKEN = 16;
/** What a killed process had taken comes to another after this; longer than all that is taken takes at its slowest. */
const ACK_WAIT_MS = 15_000;
const AGAIN_AFTER_MS: readonly number[] = [250, 1_000, 5_000, 15_000];
const REOPEN_MS = 250;
const DURABLE = 'workers';
const NANOS_PER_MS = 1_000_000;

/**
 * Work that outlives the process which put it there: a stream that all processes take from, each item by one of them, again
 * until it is done. At least once and in no order, so the handler sees to it that what is repeated changes nothing.
 */
export function openWorkQueue<Item>(options: WorkQueueOptions<Item>): WorkQueue<Item> {
  const { nats, onError } = options;
  const stream = bucketName(nats.namespace, options.name);
  const closing = new AbortController();
  let made: Promise<void> | null = null;
  const ensure = (): Promise<void> => {
    made ??= makeStream(nats, stream, options.maxAgeMs);
    return made.catch((error: unknown) => {
      made = null;
      throw error;
    });
  };
  const taking = takeUntilClosed(options, stream, ensure, closing.signal).catch(onError);
  return {
    async put(tenantId, id, item) {
      await ensure();
      const terms = { msgID: id, timeout: PUBLISH_TIMEOUT_MS };
      await nats.jetstream.publish(`${stream}.${tenantId}`, JSON.stringify(item), terms);
    },
    async close() {
      closing.abort();
      await taking;
    },
  };
}

/** Whoever comes later finds it as it is. */
async function makeStream(nats: Nats, name: string, maxAgeMs: number): Promise<void> {
  await nats.manager.streams.add({
    name,
    subjects: [`${name}.*`],
    retention: RetentionPolicy.Workqueue,
    discard: DiscardPolicy.New,
    max_msgs: MAX_WAITING,
    max_age: maxAgeMs * NANOS_PER_MS,
  });
  await nats.manager.consumers.add(name, {
    durable_name: DURABLE,
    ack_policy: AckPolicy.Explicit,
    ack_wait: ACK_WAIT_MS * NANOS_PER_MS,
    deliver_policy: DeliverPolicy.All,
    max_deliver: -1,
    max_ack_pending: MAX_TAKEN * 16,
  });
}

async function takeUntilClosed<Item>(
  { nats, handle, onError }: WorkQueueOptions<Item>,
  stream: string,
  ensure: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const lanes = new Set<Promise<void>>();
  let messages: ConsumerMessages | undefined;
  signal.addEventListener('abort', () => messages?.stop());
  await Promise.race([nats.connected, whenAborted(signal)]);
  while (!signal.aborted) {
    try {
      await ensure();
      const consumer = await nats.jetstream.consumers.get(stream, DURABLE);
      messages = await consumer.consume({
        max_messages: MAX_TAKEN,
        idle_heartbeat: SIGN_OF_LIFE_MS,
        abort_on_missing_resource: true,
      });
      if (signal.aborted) messages.stop();
      for await (const message of messages) {
        // Given back at once, or another process would have it only when the time to acknowledge is over.
        if (signal.aborted) message.nak();
        else {
          const lane = work(message, handle, onError).finally(() => lanes.delete(lane));
          lanes.add(lane);
          if (lanes.size >= LANES) await Promise.race(lanes);
        }
      }
    } catch (error) {
      if (!signal.aborted) onError(error);
    }
    if (!signal.aborted) await Promise.race([pause(), whenAborted(signal)]);
  }
  await Promise.all(lanes);
}

async function work<Item>(
  message: JsMsg,
  handle: (item: Item) => Promise<boolean>,
  onError: (error: unknown) => void,
): Promise<void> {
  try {
    if (await handle(message.json<Item>())) message.ack();
    else message.nak(AGAIN_AFTER_MS[message.info.deliveryCount - 1] ?? AGAIN_AFTER_MS.at(-1));
  } catch (error) {
    onError(error);
    message.term();
  }
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, REOPEN_MS).unref());
