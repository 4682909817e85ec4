import { currentTraceparent, traceIdOf } from '@tenantry/kernel/call-context.ts';
import { type Logger, pino } from 'pino';
import { LineGatherer } from './line-gatherer.ts';

export type { Logger } from 'pino';

/** Nothing that can be used to act as somebody is ever written. */
const REDACTED = [
  'password',
  'token',
  'accessToken',
  'refreshToken',
  'secret',
  'authorization',
  'serverKey',
  '*.password',
  '*.token',
  '*.accessToken',
  '*.refreshToken',
  '*.secret',
  '*.authorization',
  '*.serverKey',
  'headers.authorization',
  'headers["tenantry-passport"]',
];

/**
 * Of an error what tells where it came from. Not its other members: PostgreSQL quotes the row in `detail`, and providers
 * put whole answers into theirs.
 */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { name, message, stack, cause } = error;
  return {
    type: name,
    message,
    ...('code' in error ? { code: error.code } : {}),
    ...(error instanceof AggregateError ? { errors: error.errors.map(describeError) } : {}),
    ...(cause === undefined ? {} : { cause: describeError(cause) }),
    stack,
  };
}

export const createLogger = (options: {
  service: string;
  instanceId: string;
  level: string;
  /** Where lines go; standard output, each at once, when left out. */
  output?: LogOutput;
}): Logger =>
  pino(
    {
      level: options.level,
      base: { service: options.service, instance: options.instanceId },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError },
      redact: { paths: REDACTED, censor: '[redacted]' },
      mixin: () => ({ traceId: traceIdOf(currentTraceparent()) }),
    },
    options.output ?? pino.destination(1),
  );

export type LogOutput = { readonly write: (line: string) => void };

let gathered: LogOutput | undefined;

/**
 * Standard output for who writes thousands of lines a second: gathered, and written every 64 KB or 100 ms, and at exit.
 * Only a process that is killed loses the lines of its last moment. One for the whole process.
 */
export function gatheredOutput(): LogOutput {
  if (gathered === undefined) {
    const sink = pino.destination({ dest: 1, sync: false });
    const lines = new LineGatherer((text) => sink.write(text));
    process.on('exit', () => {
      lines.flush();
      sink.flushSync();
    });
    gathered = lines;
  }
  return gathered;
}
