import { createQueueConnection } from '@tenantry/databases/redis.ts';
import { currentTraceparent } from '@tenantry/kernel/call-context.ts';
import type { NotificationId, TenantId } from '@tenantry/kernel/id.ts';
import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import { Queue } from 'bullmq';

/** Names only: everything about a message stands in PostgreSQL. */
export type SendJob = {
  readonly tenantId: TenantId;
  readonly notificationId: NotificationId;
  /** W3C trace context of what made the message necessary. */
  readonly traceparent?: string;
};

export type SendQueue = {
  /**
   * Puts a message into the queue. One that is there already stays where it is, unless `isLate`: then, if it only waits,
   * its wait ends. Throws `upstream-unavailable` while Redis is away.
   */
  readonly add: (job: SendJob, options: { readonly isLate: boolean }) => Promise<void>;
  readonly close: () => Promise<void>;
};

export const SEND_QUEUE = 'notifications-send';
const ADD_TIMEOUT_MS = 2_000;
const CLOSE_LIMIT_MS = 500;

/** In braces: BullMQ computes keys in its scripts, and DragonflyDB and a cluster find them by what is in there. */
export const queuePrefix = (namespace: string): string => `{${namespace === '' ? 'bullmq' : `${namespace}:bullmq`}}`;

/** Jobs carry their message's id, so a message is in the queue once; they go when they are done, however they ended. */
const jobOptions = (id: NotificationId) => ({ jobId: id, removeOnComplete: true, removeOnFail: true });

export function openSendQueue(options: {
  readonly redisUrl: string;
  readonly namespace: string;
  readonly onError: (error: Error) => void;
}): SendQueue {
  const connection = createQueueConnection({ url: options.redisUrl, isWorker: false, onError: options.onError });
  const queue = new Queue<SendJob>(SEND_QUEUE, {
    connection,
    prefix: queuePrefix(options.namespace),
    // Nobody reads BullMQ's own event stream; history is a table of ours.
    streams: { events: { maxLen: 100 } },
  });
  queue.on('error', options.onError);

  const add = async (job: SendJob, isLate: boolean): Promise<void> => {
    await queue.add('send', { ...job, traceparent: currentTraceparent() }, jobOptions(job.notificationId));
    if (!isLate) return;
    const waiting = await queue.getJob(job.notificationId);
    if (waiting !== undefined && (await waiting.isDelayed())) {
      // It may have started between the question and now; then there is nothing to hurry.
      await waiting.promote().catch(() => undefined);
    }
  };
  return {
    async add(job, { isLate }) {
      try {
        await within(ADD_TIMEOUT_MS, add(job, isLate));
      } catch (error) {
        throw upstreamUnavailable('The queue of messages cannot be reached; they wait.', { cause: error });
      }
    },
    async close() {
      await within(CLOSE_LIMIT_MS, queue.close()).catch(() => undefined);
      connection.disconnect();
    },
  };
}

/** BullMQ waits for its first connection without a limit. */
export async function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`No answer within ${limitMs} ms.`)), limitMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
