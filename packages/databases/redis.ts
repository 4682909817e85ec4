import { currentDeadlineMs } from '@tenantry/kernel/call-context.ts';
import { Problem } from '@tenantry/kernel/problem.ts';
import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import { type Command, Redis, type RedisOptions } from 'ioredis';
import { type CallMeter, DatabaseCalls, type DatabaseOutcome } from './database-calls.ts';
import { deadlineExceeded } from './deadline.ts';
import { MAIN_DATABASE } from './placement.ts';

const COMMAND_TIMEOUT_MS = 500;

/** Every command passes through here: counted, and neither begun nor waited for after its caller's deadline. */
class WatchedRedis extends Redis {
  readonly #calls: DatabaseCalls;
  readonly #meters = new Map<string, CallMeter>();

  constructor(url: string, options: Omit<RedisOptions, 'replyMapping'>, calls: DatabaseCalls) {
    // It must not send its greeting before there is something to count it with.
    super(url, { ...options, lazyConnect: true });
    this.#calls = calls;
    // Whoever cannot be reached is told of by 'error'.
    this.connect().catch(() => undefined);
  }

  override sendCommand(...[command, stream]: Parameters<Redis['sendCommand']>): unknown {
    const deadlineMs = currentDeadlineMs();
    const meter = this.#meterOf(command);
    const startedAtMs = meter.begin();
    command.promise.then(
      () => meter.end(startedAtMs, 'ok', null),
      (error: unknown) => meter.end(startedAtMs, redisOutcome(error), null),
    );
    const remainingMs = deadlineMs - Date.now();
    if (remainingMs <= 0) {
      command.reject(deadlineExceeded());
      return command.promise;
    }
    if (remainingMs < COMMAND_TIMEOUT_MS) command.setTimeout(remainingMs);
    return super.sendCommand(command, stream);
  }

  #meterOf({ name }: Command): CallMeter {
    let meter = this.#meters.get(name);
    if (meter === undefined) {
      meter = this.#calls.meter('redis', MAIN_DATABASE, name);
      this.#meters.set(name, meter);
    }
    return meter;
  }
}

function redisOutcome(error: unknown): DatabaseOutcome {
  if (error instanceof Problem || (error instanceof Error && error.message === 'Command timed out')) return 'timeout';
  return error instanceof Error && error.name === 'ReplyError' ? 'failed' : 'unavailable';
}

/** What leaves the data layer for whoever has no fallback: what Redis says of a command is an error of that command. */
export function redisProblem(error: unknown): unknown {
  if (error instanceof Problem || redisOutcome(error) === 'failed') return error;
  if (currentDeadlineMs() <= Date.now()) return deadlineExceeded(error);
  return upstreamUnavailable('The cache cannot be reached right now. Try again.', {
    cause: error,
    retryAfterSeconds: 1,
  });
}

/**
 * A client that fails fast: with Redis gone a command is refused at once instead of waiting for it to come back, so the
 * caller can take its declared fallback. Keys are prefixed by the namespace; callers put the tenant next.
 */
export function createRedis(options: {
  url: string;
  namespace: string;
  onError: (error: Error) => void;
  calls?: DatabaseCalls;
}): Redis {
  const settings: RedisOptions = {
    keyPrefix: options.namespace === '' ? '' : `${options.namespace}:`,
    enableOfflineQueue: false,
    // Nothing is sent twice: whether a command that was under way took effect is unknown, and it may be an increment.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    commandTimeout: COMMAND_TIMEOUT_MS,
    connectTimeout: 1_000,
    retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 6), 2_000),
  };
  const redis = new WatchedRedis(options.url, settings, options.calls ?? new DatabaseCalls());
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
