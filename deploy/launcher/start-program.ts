import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Child, startChild } from '../embedded/child.ts';
import { StartFailure } from '../embedded/start-failure.ts';
import type { Program } from './programs.ts';

/**
 * Seven services and three simulators share one machine. A young generation of 1 MB saves about 180 MB over all of them;
 * a Fastify route with schema and logging answered as many requests per second with it as with the usual 16 MB.
 */
const NODE_FLAGS = ['--max-semi-space-size=1'];
/**
 * The gateway carries every request. With 1 MB it spends a fifth of its time, and helper threads as much again, moving
 * what dies a moment later; and V8, seeing everything survive while the young generation is still small, begins to put
 * short-lived objects among the old ones. Measured by bench/: CPU time of the helpers 17 us a request with 16 MB, 12
 * with these.
 */
const GATEWAY_FLAGS = ['--min-semi-space-size=32', '--max-semi-space-size=32', '--no-allocation-site-pretenuring'];

/** Everything in one process carries every request, and is there to take little memory. */
const SINGLE_FLAGS = ['--max-semi-space-size=8'];
const FLAGS: Readonly<Record<string, readonly string[]>> = { gateway: GATEWAY_FLAGS, single: SINGLE_FLAGS };

// What a program is not to inherit: npm's settings, and what only the launcher may know.
const NOT_INHERITED =
  /^(npm_|INIT_CWD$|NODE_OPTIONS$|DATABASE_URL$|TENANT_DATABASES$|REDIS_URL$|NATS_URL$|CLICKHOUSE_URL$|TENANTRY_MASTER_KEY$|TENANTRY_OPERATOR_PASSWORD$|VAULT_SECRET_ID$)/;

export type StartProgramOptions = {
  readonly program: Program;
  readonly logFile: string;
  readonly onSpawn: (child: Child) => void;
};

/** Resolves when the program answers HTTP; whether it is ready for work is its own `/health/ready` to say. */
export function startProgram({ program, logFile, onSpawn }: StartProgramOptions): Promise<Child> {
  if (!existsSync(program.file)) {
    throw new StartFailure(`${program.name} cannot be started: there is no ${program.file}.`);
  }
  return startChild({
    name: program.name,
    command: process.execPath,
    args: [...(FLAGS[program.name] ?? NODE_FLAGS), program.file],
    env: { ...inheritedEnvironment(process.env), ...program.environment },
    logFile,
    bond: 'channel',
    stopSignal: 'SIGTERM',
    readyTimeoutMs: 90_000,
    // Ten of them start at once on what may be two processors: asking more often would slow them down.
    readyEveryMs: 100,
    isReady: async () => (await httpStatus(`http://127.0.0.1:${program.port}/health/live`)) !== undefined,
    onSpawn,
  });
}

export function inheritedEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !NOT_INHERITED.test(name)));
}

/** The status of an answer, or `undefined` when there is none within a second. */
export async function httpStatus(url: string): Promise<number | undefined> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(1_000) });
    await answer.body?.cancel();
    return answer.status;
  } catch {
    return undefined;
  }
}

export function logFileOf(dataDir: string, name: string): string {
  return join(dataDir, 'logs', `${name}.log`);
}
