import cluster, { type Worker } from 'node:cluster';

export type WorkerEnd = { readonly code: number | null; readonly signal: string | null };

/** What a worker tells its primary. */
export type WorkerMessage = { readonly type: 'open'; readonly url: string } | { readonly type: 'ready' };

const isMessage = (value: unknown): value is WorkerMessage =>
  typeof value === 'object' && value !== null && 'type' in value && (value.type === 'open' || value.type === 'ready');

/** One process that answers requests, as the primary sees it. */
export class WorkerProcess {
  readonly pid: number;
  /** Resolves with the address as soon as the door is open; null when the process ended before. */
  readonly open: Promise<string | null>;
  /** True when everything that requests need has been seen; false when the process ended before. */
  readonly ready: Promise<boolean>;
  readonly ended: Promise<WorkerEnd>;
  readonly #worker: Worker;

  constructor(environment: Readonly<Record<string, string>>) {
    const worker = cluster.fork(environment);
    const open = Promise.withResolvers<string | null>();
    const ready = Promise.withResolvers<boolean>();
    const ended = Promise.withResolvers<WorkerEnd>();
    worker.on('message', (message: unknown) => {
      if (!isMessage(message)) return;
      if (message.type === 'open') open.resolve(message.url);
      else ready.resolve(true);
    });
    worker.once('exit', (code, signal) => {
      open.resolve(null);
      ready.resolve(false);
      ended.resolve({ code, signal });
    });
    // A process that could not be started tells it by `exit` too; without a listener the error would end us.
    worker.on('error', () => undefined);
    this.pid = worker.process.pid ?? 0;
    this.open = open.promise;
    this.ready = ready.promise;
    this.ended = ended.promise;
    this.#worker = worker;
  }

  /** Asks it to finish what it has and go; ends it when the time is up. */
  async drain(deadlineMs: number): Promise<void> {
    this.#worker.process.kill('SIGTERM');
    const timer = setTimeout(() => this.#worker.process.kill('SIGKILL'), deadlineMs);
    await this.ended;
    clearTimeout(timer);
  }
}
