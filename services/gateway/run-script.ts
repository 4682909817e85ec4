import { createHash } from 'node:crypto';
import type { createRedis } from '@tenantry/databases/redis.ts';

export type RedisClient = ReturnType<typeof createRedis>;

/**
 * A script that runs by its hash, so that its text crosses the wire once per Redis and not once per call. Every key it
 * touches is declared: DragonflyDB refuses others.
 */
export function defineScript(text: string) {
  const hash = createHash('sha1').update(text).digest('hex');
  return (redis: RedisClient, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> => {
    const given = [...keys, ...args];
    return redis.evalsha(hash, keys.length, ...given).catch((error: unknown) => {
      if (error instanceof Error && error.message.startsWith('NOSCRIPT'))
        return redis.eval(text, keys.length, ...given);
      throw error;
    });
  };
}
