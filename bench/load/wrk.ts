import { fileURLToPath } from 'node:url';
import { runCommand } from '@tenantry/deploy/embedded/run-command.ts';
import type { PeerProgram } from '../peers/programs.ts';
import { cpuSecondsOf } from './cores.ts';

const SCRIPT = fileURLToPath(new URL('bearer.lua', import.meta.url));

/** Bearer tokens, one a line: `skip` of them left out, `take` of them sent in turn. */
export type Tokens = { readonly file: string; readonly skip: number; readonly take: number };

export type Contestant = {
  readonly name: string;
  readonly url: string;
  readonly path: string;
  readonly pid: number;
  readonly tokens: Tokens;
};

export type Slice = {
  readonly requests: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of the contestant's own processes. */
  readonly cpuSeconds: number;
  /** Requests per CPU-second: what is left of a figure when other programs take part of the core. */
  readonly capacity: number;
};

type Report = Omit<Slice, 'perSecond' | 'cpuSeconds' | 'capacity'> & {
  readonly seconds: number;
  readonly refused: number;
  readonly failed: number;
};

/**
 * A slice of a contestant in its stride. One that has been idle for as long as its peers take turns (5 s) costs up to half
 * as much again in the next second: V8 has tidied up, caches are others', the machine has taken pages.
 */
export async function loadInStride(
  wrk: PeerProgram,
  contestant: Contestant,
  options: { readonly connections: number; readonly seconds: number },
): Promise<Slice> {
  await loadSlice(wrk, contestant, { ...options, seconds: 1 });
  return loadSlice(wrk, contestant, options);
}

/** One closed-loop slice by wrk. Throws when a single request is refused: a refusal is cheaper than an answer. */
export async function loadSlice(
  wrk: PeerProgram,
  contestant: Contestant,
  { connections, seconds }: { readonly connections: number; readonly seconds: number },
): Promise<Slice> {
  const { file, skip, take } = contestant.tokens;
  const before = cpuSecondsOf(contestant.pid);
  const ran = await runCommand(
    wrk.command,
    [
      ...['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s', '-s', SCRIPT, contestant.url],
      ...['--', file, contestant.path, String(skip), String(take)],
    ],
    { env: wrk.env },
  );
  const cpuSeconds = cpuSecondsOf(contestant.pid) - before;
  const line = ran.stdout.split('\n').find((each) => each.startsWith('{'));
  if (line === undefined) throw new Error(`wrk said nothing of ${contestant.name}: ${ran.stdout}${ran.stderr}`);
  const { refused, failed, seconds: took, ...rest } = JSON.parse(line) as Report;
  if (refused + failed > 0) throw new Error(`${contestant.name}: ${refused} refused, ${failed} failed requests`);
  return { ...rest, perSecond: rest.requests / took, cpuSeconds, capacity: rest.requests / cpuSeconds };
}
