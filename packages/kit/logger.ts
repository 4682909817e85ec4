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

/** As pino numbers its levels. */
const WARN = 40;

/** Gathers lines; one that somebody may be waiting for takes those before it along at once. */
export class GatheredOutput implements LogOutput {
  readonly #lines: LineGatherer;
  /** pino says here what the next line is. */
  lastLevel = 0;
  readonly [pino.symbols.needsMetadataGsym] = true;

  constructor(lines: LineGatherer) {
    this.#lines = lines;
  }

  write(line: string): void {
    this.#lines.write(line);
    if (this.lastLevel >= WARN) this.#lines.flush();
    this.lastLevel = 0;
  }
}

let gathered: LogOutput | undefined;

/**
 * Standard output for processes: gathered, and written every 64 KB or 100 ms, with every warning and error, and at exit; a
 * system call for each line would cost a request more than what it says. Only a process that is killed loses lines, those
 * of its last moment in which nothing was wrong. One for the whole process.
 */
export function gatheredOutput(): LogOutput {
  if (gathered === undefined) {
    const sink = pino.destination({ dest: 1, sync: false });
    const lines = new LineGatherer((text) => sink.write(text));
    process.on('exit', () => {
      lines.flush();
      sink.flushSync();
    });
    gathered = new GatheredOutput(lines);
  }
  return gathered;
}

/** For lines of which every member is known and none is secret: looking for what to leave out costs more than writing them. */
export const withoutRedaction = (logger: Logger): Logger => logger.child({}, { redact: [] });
