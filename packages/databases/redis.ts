import { Redis } from 'ioredis';

/**
 * A client that fails fast: with Redis gone a command is refused at once instead of waiting for it to come back, so the
 * caller can take its declared fallback. Keys are prefixed by the namespace; callers put the tenant next.
 */
export function createRedis(options: { url: string; namespace: string; onError: (error: Error) => void }): Redis {
  const redis = new Redis(options.url, {
    keyPrefix: options.namespace === '' ? '' : `${options.namespace}:`,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    commandTimeout: 500,
    connectTimeout: 1_000,
    retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 6), 2_000),
    lazyConnect: false,
  });
  redis.on('error', options.onError);
  return redis;
}
