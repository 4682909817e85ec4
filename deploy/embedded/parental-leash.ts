import { spawnSync } from 'node:child_process';

/** How a child that knows nothing of us learns that we died without a chance to stop it (SIGKILL, power of the memory killer). */
export type Leash = {
  readonly command: string;
  readonly args: readonly string[];
  /** The child gets a fourth descriptor that must stay open on our side: its end is the order to stop. */
  readonly needsPipe: boolean;
};

let setprivWorks: boolean | undefined;

/** Linux only; absent in some minimal images. Asked once: the answer does not change while we run. */
function canUseParentDeathSignal(): boolean {
  setprivWorks ??=
    process.platform === 'linux' &&
    spawnSync('setpriv', ['--pdeathsig', 'TERM', 'true'], { stdio: 'ignore' }).status === 0;
  return setprivWorks;
}

// Runs the server in the background of a small shell that waits for two things: the end of the pipe on descriptor 3
// (then it passes the stop signal on) and the end of the server (then it passes its exit code on).
const shellLeash = (signal: string): string =>
  `"$@" 3<&- & server=$!; { read end <&3; kill -${signal} $server; } & reader=$!; wait $server; code=$?; kill $reader 2>/dev/null; exit $code`;

/**
 * prctl(2) PR_SET_PDEATHSIG costs nothing and leaves the server's own pid and exit code; it fires when the *thread* that
 * spawned the child ends, so servers must be started from the main thread. Elsewhere a shell holds the other end of a pipe.
 */
export function leash(
  command: string,
  args: readonly string[],
  signal: 'SIGTERM' | 'SIGINT',
  useParentDeathSignal = canUseParentDeathSignal(),
): Leash {
  const shortName = signal.slice('SIG'.length);
  if (useParentDeathSignal) {
    return { command: 'setpriv', args: ['--pdeathsig', shortName, '--', command, ...args], needsPipe: false };
  }
  return { command: 'sh', args: ['-c', shellLeash(shortName), 'sh', command, ...args], needsPipe: true };
}
