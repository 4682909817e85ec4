import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { Pool } from 'undici';
import { summarize } from '../statistics.ts';
import type { Score } from './metronome.ts';

/**
 * A process that sends requests at a fixed pace, whether answers come or not, and measures each from the moment at which
 * it was due: a proxy that stalls is charged for everybody who had to wait (Gil Tene's coordinated omission).
 */
export type OpenLoopOrder = {
  readonly url: string;
  readonly path: string;
  readonly tokenFile: string;
  readonly perSecond: number;
  readonly seconds: number;
  /** Sent, but not counted: connections are opened meanwhile. */
  readonly leadInSeconds: number;
};

const order = JSON.parse(process.argv[2] ?? '') as OpenLoopOrder;
const tokens = readFileSync(order.tokenFile, 'utf8').trim().split('\n');
const pool = new Pool(order.url, { connections: 64, pipelining: 1 });
const leadIn = Math.round(order.leadInSeconds * order.perSecond);
const count = leadIn + Math.round(order.seconds * order.perSecond);
const startNs = process.hrtime.bigint() + 200_000_000n;
const latenciesMs: number[] = [];
let answered = 0;

async function send(index: number): Promise<void> {
  const dueNs = startNs + BigInt(Math.round((index * 1e9) / order.perSecond));
  const answer = await pool.request({
    method: 'GET',
    path: order.path,
    headers: { authorization: `Bearer ${tokens[index % tokens.length]}` },
  });
  await answer.body.dump();
  if (answer.statusCode !== 200) throw new Error(`${order.url} answered ${answer.statusCode}`);
  if (index >= leadIn) latenciesMs.push(Number(process.hrtime.bigint() - dueNs) / 1e6);
  answered++;
  if (answered < count) return;
  console.log(JSON.stringify(summarize(latenciesMs)));
  await pool.close();
}

const score: Score = { perSecond: order.perSecond, count, startNs };
// A failed request is an unhandled rejection and ends the process with its message: then there is no figure.
new Worker(new URL('metronome.ts', import.meta.url), { workerData: score }).on('message', (index: number) => {
  void send(index);
});
