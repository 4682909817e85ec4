import cluster from 'node:cluster';
import type { Logger } from '@tenantry/kit/logger.ts';
import { WorkerProcess } from './worker-process.ts';

const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 10_000;
/** Who ran this long has started well: its death is news, not a loop. */
const STARTED_WELL_MS = 10_000;
const READY_PATIENCE_MS = 30_000;
/** More than a worker's own limit for what is under way, after which it ends by itself. */
const END_PATIENCE_MS = 12_000;

/**
 * The processes behind one port. They accept from one listening socket that the primary keeps open, so a process can come,
 * go or be killed without a connection being refused or lost: what is not accepted yet is taken by another.
 */
export class WorkerPool {
  readonly #environment: Readonly<Record<string, string>>;
  readonly #logger: Logger;
  readonly #slots: WorkerProcess[];
  #isClosing = false;
  #restarting: Promise<void> | null = null;

  constructor(options: {
    readonly size: number;
    readonly environment: Readonly<Record<string, string>>;
    readonly logger: Logger;
  }) {
    // Node's round robin forgets a connection that it handed to a process which then died; its client would wait for ever.
    cluster.schedulingPolicy = cluster.SCHED_NONE;
    this.#environment = options.environment;
    this.#logger = options.logger;
    this.#slots = Array.from({ length: options.size }, () => this.#spawn());
    for (const slot of this.#slots.keys()) void this.#watch(slot);
  }

  /** Resolves with the address when the first process has opened it; null when it could not start at all. */
  get open(): Promise<string | null> {
    return (this.#slots[0] as WorkerProcess).open;
  }

  /**
   * Replaces all processes one after another by new ones of what is on disk now. A successor that does not become ready
   * ends the restart, and those that are left go on: better yesterday's gateway than none.
   */
  restart(): Promise<void> {
    this.#restarting ??= this.#replaceAll().finally(() => {
      this.#restarting = null;
    });
    return this.#restarting;
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    await Promise.all(this.#slots.map((worker) => worker.drain(END_PATIENCE_MS)));
  }

  #spawn(): WorkerProcess {
    return new WorkerProcess(this.#environment);
  }

  async #replaceAll(): Promise<void> {
    this.#logger.info({ processes: this.#slots.length }, 'rolling restart begins');
    for (const slot of this.#slots.keys()) {
      if (this.#isClosing) return;
      const successor = this.#spawn();
      if (!(await isReadyInTime(successor))) {
        await successor.drain(0);
        this.#logger.error({ pid: successor.pid }, 'rolling restart given up: the new process did not become ready');
        return;
      }
      const old = this.#slots[slot] as WorkerProcess;
      this.#slots[slot] = successor;
      void this.#watch(slot);
      if (this.#isClosing) await successor.drain(END_PATIENCE_MS);
      await old.drain(END_PATIENCE_MS);
      this.#logger.info({ old: old.pid, new: successor.pid }, 'process replaced');
    }
    this.#logger.info('rolling restart done');
  }

  /** Puts another process in the place of one that ended by itself, later each time if it keeps ending. */
  async #watch(slot: number): Promise<void> {
    let delayMs = FIRST_DELAY_MS;
    for (;;) {
      const worker = this.#slots[slot] as WorkerProcess;
      const startedMs = performance.now();
      const end = await worker.ended;
      // Replaced on purpose: its successor is watched by a loop of its own.
      if (this.#isClosing || this.#slots[slot] !== worker) return;
      if (performance.now() - startedMs >= STARTED_WELL_MS) delayMs = FIRST_DELAY_MS;
      this.#logger.error({ pid: worker.pid, ...end, delayMs }, 'a gateway process ended; another takes its place');
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      delayMs = Math.min(delayMs * 2, LONGEST_DELAY_MS);
      if (this.#isClosing || this.#slots[slot] !== worker) return;
      this.#slots[slot] = this.#spawn();
    }
  }
}

async function isReadyInTime(worker: WorkerProcess): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<false>();
  const timer = setTimeout(() => resolve(false), READY_PATIENCE_MS);
  try {
    return await Promise.race([worker.ready, late]);
  } finally {
    clearTimeout(timer);
  }
}
