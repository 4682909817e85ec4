import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { processIdentity } from '../../embedded/process-identity.ts';
import { waitUntil } from '../../embedded/wait-until.ts';

const ENTRY = fileURLToPath(new URL('launch-stand-ins.ts', import.meta.url));

/** A launcher as a child process, seen from its terminal. */
export class Launch {
  readonly process: ChildProcess;
  output = '';
  /** From when it has ended and all that it said has been read. */
  readonly #closed: Promise<unknown>;

  constructor(environment: Record<string, string>) {
    this.process = spawn(process.execPath, [ENTRY], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#closed = once(this.process, 'close');
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
      });
    }
  }

  /** Waits for a line; fails with everything that was printed when the launcher ends or stays silent. */
  async sees(pattern: RegExp, timeoutMs = 60_000): Promise<void> {
    const ended = (): boolean => this.process.exitCode !== null || this.process.signalCode !== null;
    const seen = await waitUntil(() => pattern.test(this.output) || ended(), { timeoutMs, everyMs: 10 });
    if (!seen || !pattern.test(this.output)) throw new Error(`Never saw ${pattern} in:\n${this.output}`);
  }

  async exitCode(): Promise<number | null> {
    await this.#closed;
    return this.process.exitCode;
  }

  /** The rows of the table it printed. */
  rows(): { what: string; port: number; pid: number }[] {
    return [...this.output.matchAll(/^ {2}(\S.*?) +(\d+) {2,}\S+:\/\/\S+ +(\d+)$/gm)].map(
      ([, what = '', port, pid]) => ({
        what,
        port: Number(port),
        pid: Number(pid),
      }),
    );
  }
}

export async function allGone(pids: readonly number[], timeoutMs = 10_000): Promise<boolean> {
  return waitUntil(() => pids.every((pid) => processIdentity(pid) === undefined), { timeoutMs, everyMs: 20 });
}
