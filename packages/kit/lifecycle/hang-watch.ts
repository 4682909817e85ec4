import inspector from 'node:inspector';
import { isMainThread, Worker } from 'node:worker_threads';
import { type Beats, watchBeats } from './hang-watcher.ts';

export type HangWatchOptions = {
  /** A process that did not come to its event loop for so long is ended. */
  readonly hangMs?: number;
};

const HANG_MS = 30_000;
const BEAT_MS = 1_000;

/**
 * Ends this process when its event loop stands still, as it does when something computes for ever. It cannot be ended in
 * order, for nothing in it runs any more, and as long as it lives it keeps what it holds; once it is gone it is started
 * again, and what it had under way is handled by whoever comes next. A thread watches, because nobody else here could.
 */
export function startHangWatch({ hangMs = HANG_MS }: HangWatchOptions = {}): { readonly stop: () => void } {
  // Somebody who looks at it in a debugger holds it on purpose.
  if (!isMainThread || inspector.url() !== undefined) return { stop: () => undefined };
  const beats: Beats = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
  const program = `
    const { beats, hangMs } = require('node:worker_threads').workerData;
    const { writeSync } = require('node:fs');
    (${watchBeats})(beats, hangMs, (sentence) => writeSync(2, sentence));
  `;
  const watcher = new Worker(program, {
    eval: true,
    workerData: { beats, hangMs },
    resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 },
    execArgv: [],
  });
  watcher.unref();
  // Without it the process is what it was before: it goes on, only unwatched.
  watcher.on('error', (error) => console.error('Nobody watches over the event loop any more.', error));
  const timer = setInterval(() => Atomics.add(beats, 0, 1), Math.min(BEAT_MS, hangMs / 4));
  timer.unref();
  return {
    stop() {
      clearInterval(timer);
      void watcher.terminate();
    },
  };
}
