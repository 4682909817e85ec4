import { Redis } from 'ioredis';

/**
 * A client that fails fast: with Redis gone a command is refused at once instead of waiting for it to come back, so the
 * caller can take its declared fallback. Keys are prefixed by the namespace; callers put the tenant next.
 */
export function createRedis(options: { url: string; namespace: string; onError: (error: Error) => void }): Redis {
  const redis = new Redis(options.url, {
    keyPrefix: options.namespace === '' ? '' : `${options.namespace}:`,
    enableOfflineQueue: false,
    // Nothing is sent twice: whether a command that was under way took effect is unknown, and it may be an increment.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    commandTimeout: 500,
    connectTimeout: 1_000,
    retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 6), 2_000),
    lazyConnect: false,
  });
  redis.on('error', options.onError);
  return redis;
}

/**
 * A connection for BullMQ, which prefixes its keys by itself. A worker's waits for Redis as long as it takes; whoever
 * adds work fails fast instead, because its work is written down elsewhere and can be added again.
 */
export function createQueueConnection(options: {
  url: string;
  isWorker: boolean;
  onError: (error: Error) => void;
}): Redis {
  const redis = new Redis(options.url, {
    ...(options.isWorker
      ? { maxRetriesPerRequest: null }
      : { maxRetriesPerRequest: 1, enableOfflineQueue: false, commandTimeout: 1_000 }),
    connectTimeout: 1_000,
    retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 6), 2_000),
  });
  redis.on('error', options.onError);
  return redis;
}
