import { type ChildProcess, spawn } from 'node:child_process';
import type { Writable } from 'node:stream';
import type { ChildExit } from './child-exit.ts';
import { closeLog, logEnd, openLog } from './log-file.ts';
import { leash } from './parental-leash.ts';
import { serverEnvironment } from './server-environment.ts';
import { failureFromLog, StartFailure } from './start-failure.ts';
import { waitUntil } from './wait-until.ts';

/** A foreign server that runs for us: in its own process group, and never longer than we do. */
export type Child = {
  readonly pid: number;
  readonly exited: Promise<ChildExit>;
  /** Asks with the server's own signal; kills the group when the deadline has passed. May be called twice. */
  stop(deadlineMs?: number): Promise<void>;
};

export type ChildOptions = {
  /** As it appears in sentences: "PostgreSQL". */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly logFile: string;
  readonly stopSignal: 'SIGTERM' | 'SIGINT';
  /** Who the server runs as, where it refuses to be root. */
  readonly runAs?: { readonly uid: number; readonly gid: number };
  readonly isReady: () => Promise<boolean>;
  readonly readyTimeoutMs?: number;
  readonly readyEveryMs?: number;
  /**
   * How it learns of our death: a foreign server by a leash; a Node program of ours by the end of its IPC channel
   * ('disconnect'), which it watches itself.
   */
  readonly bond?: 'leash' | 'channel';
  readonly useParentDeathSignal?: boolean;
  /** Told as soon as the process exists, before it is ready: whoever has to stop everything must know of it. */
  readonly onSpawn?: (child: Child) => void;
};

/** Resolves when the server answers; rejects with a sentence and its last log lines when it ends or stays silent. */
export async function startChild(options: ChildOptions): Promise<Child> {
  const logStart = logEnd(options.logFile);
  const child = options.bond === 'channel' ? spawnOnChannel(options) : spawnOnLeash(options);
  options.onSpawn?.(child);
  const ended = new AbortController();
  child.exited.then(() => ended.abort());
  const ready = await waitUntil(options.isReady, {
    timeoutMs: options.readyTimeoutMs ?? 30_000,
    everyMs: options.readyEveryMs ?? 20,
    signal: ended.signal,
  });
  // A server that died while somebody else answers on its port must not pass for ready.
  if (ready && !ended.signal.aborted) return child;
  if (!ended.signal.aborted) {
    await child.stop(2_000);
    throw failureFromLog(options.name, 'did not answer in time', options.logFile, logStart);
  }
  const exit = await child.exited;
  const how = exit.signal === null ? `with exit code ${exit.code}` : `by ${exit.signal}`;
  throw failureFromLog(options.name, `ended ${how} while starting`, options.logFile, logStart, exit);
}

function spawnOnLeash(options: ChildOptions): Child {
  const env = serverEnvironment(options.env ?? process.env);
  const held = leash(options.command, options.args, options.stopSignal, options.useParentDeathSignal);
  const child = spawnLogged({ ...options, env }, held.command, held.args, held.needsPipe ? ['pipe'] : []);
  const pipe = child.stdio[3];
  const askToStop = (): void => {
    if (isWritable(pipe)) pipe.end();
    else child.kill(options.stopSignal);
  };
  return toChild(options, child, askToStop);
}

function spawnOnChannel(options: ChildOptions): Child {
  const child = spawnLogged(options, options.command, options.args, ['ipc']);
  return toChild(options, child, () => child.kill(options.stopSignal));
}

function spawnLogged(
  options: ChildOptions,
  command: string,
  args: readonly string[],
  more: readonly ('pipe' | 'ipc')[],
): ChildProcess {
  const log = openLog(options.logFile);
  try {
    return spawn(command, args, {
      // Its own group: a Ctrl-C at the terminal is for us alone, who stop everything in order.
      detached: true,
      stdio: ['ignore', log, log, ...more],
      env: options.env ?? process.env,
      ...options.runAs,
    });
  } finally {
    closeLog(log);
  }
}

function toChild(options: ChildOptions, child: ChildProcess, askToStop: () => void): Child {
  const { promise: exited, resolve } = Promise.withResolvers<ChildExit>();
  child.once('exit', (code, signal) => resolve({ code, signal }));
  child.once('error', () => resolve({ code: 127, signal: null }));
  const { pid } = child;
  if (pid === undefined) {
    throw new StartFailure(`${options.name} could not be started: ${options.command} cannot be run.`);
  }
  return { pid, exited, stop: (deadlineMs = 10_000) => stopGroup({ pid, exited, askToStop, deadlineMs }) };
}

function isWritable(stream: unknown): stream is Writable {
  return typeof stream === 'object' && stream !== null && 'end' in stream;
}

async function stopGroup(child: {
  readonly pid: number;
  readonly exited: Promise<ChildExit>;
  readonly askToStop: () => void;
  readonly deadlineMs: number;
}): Promise<void> {
  child.askToStop();
  const kill = setTimeout(() => {
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // The group is gone already: what we wanted.
    }
  }, child.deadlineMs);
  await child.exited;
  clearTimeout(kill);
}
