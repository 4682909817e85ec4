import { parentPort, workerData } from 'node:worker_threads';

/**
 * Says on time when the next request is due. In a thread of its own, because timers of the event loop count whole
 * milliseconds: half of them would be measured as latency.
 */
export type Score = { readonly perSecond: number; readonly count: number; readonly startNs: bigint };

const { perSecond, count, startNs } = workerData as Score;
const never = new Int32Array(new SharedArrayBuffer(4));
const intervalNs = 1e9 / perSecond;
for (let index = 0; index < count; index++) {
  const dueNs = startNs + BigInt(Math.round(index * intervalNs));
  const leftMs = Number(dueNs - process.hrtime.bigint()) / 1e6;
  if (leftMs > 0) Atomics.wait(never, 0, 0, leftMs);
  parentPort?.postMessage(index);
}
