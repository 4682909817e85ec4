import { createQueueConnection } from '@tenantry/databases/redis.ts';
import type { SpanBeginning } from '@tenantry/kernel/tracing/span.ts';
import { runTraced, type Tracer } from '@tenantry/kernel/tracing/tracer.ts';
import { DelayedError, type Job, Worker } from 'bullmq';
import { queuePrefix, SEND_QUEUE, type SendJob, within } from './send-queue.ts';

/** What a job left behind: nothing more to do, or come back after so long. */
export type JobOutcome = { readonly kind: 'done' } | { readonly kind: 'wait'; readonly waitMs: number };

export type SendWorker = { readonly start: () => void; readonly close: () => Promise<void> };

/** Most of a job's time is Telegram's; more at once than this and one slow bot would keep all the others waiting. */
const CONCURRENCY = 32;
const LONGEST_FAULT_WAIT_MS = 60_000;
/** For messages under way to end. Without Redis nothing can be handed back anyway. */
const CLOSE_LIMIT_MS = 7_000;
const CLOSE_WITHOUT_REDIS_MS = 500;

/** Takes jobs from the queue. When to try again is decided by `deliver`; BullMQ's own attempts are not used. */
export function createSendWorker(options: {
  readonly redisUrl: string;
  readonly namespace: string;
  readonly deliver: (job: SendJob) => Promise<JobOutcome>;
  readonly tracer?: Tracer;
  readonly onError: (error: unknown) => void;
  /** A job that could not be worked on; it comes back. */
  readonly onFault: (error: unknown, job: SendJob) => void;
}): SendWorker {
  const connection = createQueueConnection({ url: options.redisUrl, isWorker: true, onError: options.onError });
  const worker = new Worker<SendJob>(
    SEND_QUEUE,
    async (job, token) => {
      const outcome = await deliver(options, job);
      if (outcome.kind === 'done') return;
      await job.moveToDelayed(Date.now() + Math.max(Math.ceil(outcome.waitMs), 1), token);
      throw new DelayedError();
    },
    {
      connection,
      prefix: queuePrefix(options.namespace),
      autorun: false,
      concurrency: CONCURRENCY,
      // A worker that died is noticed after this; its message's lease has lapsed by then.
      lockDuration: 30_000,
      stalledInterval: 15_000,
      runRetryDelay: 500,
    },
  );
  worker.on('error', options.onError);
  return {
    start: () => {
      worker.run().catch(options.onError);
    },
    async close() {
      const limitMs = connection.status === 'ready' ? CLOSE_LIMIT_MS : CLOSE_WITHOUT_REDIS_MS;
      await within(limitMs, worker.close()).catch(options.onError);
      connection.disconnect();
    },
  };
}

const describe = ({ tenantId, notificationId }: SendJob, attempt: number): SpanBeginning => ({
  name: `process ${SEND_QUEUE}`,
  kind: 'consumer',
  tenantId,
  attributes: {
    'messaging.system': 'bullmq',
    'messaging.destination.name': SEND_QUEUE,
    'messaging.message.id': notificationId,
    'messaging.operation.type': 'process',
    'tenantry.attempt': attempt,
  },
});

async function deliver(
  options: Parameters<typeof createSendWorker>[0],
  { data, attemptsStarted }: Job<SendJob>,
): Promise<JobOutcome> {
  try {
    return await runTraced(options.tracer, data.traceparent, describe(data, attemptsStarted), () =>
      options.deliver(data),
    );
  } catch (error) {
    options.onFault(error, data);
    const waitMs = Math.min(1_000 * 2 ** Math.min(attemptsStarted, 6), LONGEST_FAULT_WAIT_MS);
    return { kind: 'wait', waitMs: waitMs * (0.5 + Math.random() / 2) };
  }
}
