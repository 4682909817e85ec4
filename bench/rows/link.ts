import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createAuthority, identityOf } from '@tenantry/tests/support/certificates.ts';
import { type CallerOrder, type CallerReport, type Certificates, type Ports, WAYS, type Way } from '../link/orders.ts';
import { LOAD_CORE, PROXY_CORE, pin, whyNotPinned } from '../load/cores.ts';
import { medianOf, showSpread, spreadOverStarts } from '../load/pairs.ts';
import { ms, type Row } from '../table.ts';

const STARTS = 3;
const CYCLES = 3;
const CONNECTIONS = 64;
const WARM_UP_SECONDS = 2;

type Slice = CallerReport & { readonly answererCpuSeconds: number; readonly capacity: number };
type Rounds = Record<Way, { readonly starts: Slice[][]; readonly aloneMs: number[] }>;

const ANSWERING = new URL('../link/answering-process.ts', import.meta.url);
const CALLING = new URL('../link/calling-process.ts', import.meta.url);

/** The next thing a process says; rejects when it ends instead, for then there is no figure. */
async function told<T>(child: ChildProcess, name: string): Promise<T> {
  const stop = new AbortController();
  const ended = once(child, 'exit', stop).then(() => Promise.reject(new Error(`The ${name} process has ended.`)));
  try {
    const [said] = await Promise.race([once(child, 'message', stop), ended]);
    return said as T;
  } finally {
    ended.catch(() => undefined);
    stop.abort();
  }
}

/**
 * Calls from one process to another: the framed link against undici's pools over 64 connections, plain and with mutual TLS, in
 * the slices of one cycle. Capacity is calls per CPU-second of both processes together.
 */
export async function linkRows(): Promise<Row[]> {
  if (whyNotPinned !== null) console.log(`Both ends of the link share all cores: ${whyNotPinned}.`);
  const authority = createAuthority('bench');
  const certificates: Certificates = {
    ca: authority.certificate,
    answerer: identityOf(authority.issue(['localhost', 'spiffe://bench/answerer'])),
    caller: identityOf(authority.issue(['spiffe://bench/caller'])),
  };
  const rounds = Object.fromEntries(WAYS.map((way) => [way, { starts: [], aloneMs: [] }])) as unknown as Rounds;
  for (let start = 0; start < STARTS; start++) await measureStart(certificates, rounds);
  return toRows(rounds);
}

async function measureStart(certificates: Certificates, rounds: Rounds): Promise<void> {
  const answerer = fork(ANSWERING, [JSON.stringify(certificates)]);
  const children = [answerer];
  try {
    const ports = await told<Ports>(answerer, 'answering');
    const caller = fork(CALLING, [JSON.stringify(certificates), JSON.stringify(ports)]);
    children.push(caller);
    await told(caller, 'calling');
    if (caller.pid !== undefined) await pin(caller.pid, PROXY_CORE);
    if (answerer.pid !== undefined) await pin(answerer.pid, LOAD_CORE);
    const load = async (order: CallerOrder): Promise<Slice> => {
      const cpu = (): Promise<number> => {
        answerer.send('cpu');
        return told<number>(answerer, 'answering');
      };
      const before = await cpu();
      caller.send(order);
      const report = await told<CallerReport>(caller, 'calling');
      const answererCpuSeconds = (await cpu()) - before;
      return { ...report, answererCpuSeconds, capacity: report.calls / (report.cpuSeconds + answererCpuSeconds) };
    };
    for (const way of WAYS) {
      await load({ way, connections: CONNECTIONS, seconds: WARM_UP_SECONDS });
      rounds[way].starts.push([]);
    }
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      // There and back again, so that nobody is always after the same neighbour.
      for (const way of cycle % 2 === 0 ? WAYS : WAYS.toReversed())
        rounds[way].starts.at(-1)?.push(await load({ way, connections: CONNECTIONS, seconds: 1 }));
    }
    for (const way of WAYS) rounds[way].aloneMs.push((await load({ way, connections: 1, seconds: 1 })).p50Ms);
  } finally {
    for (const child of children) child.kill();
  }
}

function toRows(rounds: Rounds): Row[] {
  const row = (way: Way, against: Way, budget: string): Row => {
    const { starts, aloneMs } = rounds[way];
    const slices = starts.flat();
    const of = (value: (slice: Slice) => number): number => medianOf(slices.map(value));
    const us = (value: (slice: Slice) => number): string =>
      of((slice) => (value(slice) / slice.calls) * 1e6).toFixed(1);
    const spread = spreadOverStarts(
      starts.map((each, start) =>
        each.map(({ capacity }, index) => capacity / (rounds[against].starts[start]?.[index]?.capacity ?? Number.NaN)),
      ),
    );
    const facts = [
      `${showSpread(spread)} of ${against}, starts ${spread.perStart.map((value) => value.toFixed(2)).join(' ')}`,
      `${us((slice) => slice.cpuSeconds)} + ${us((slice) => slice.answererCpuSeconds)} us CPU/call`,
      `${Math.round(of((slice) => slice.calls / slice.seconds))}/s`,
      `${Math.round(medianOf(aloneMs) * 1_000)} us p50 alone`,
    ];
    return {
      what: `Call between processes: ${way}`,
      p50: ms(of((slice) => slice.p50Ms)),
      p99: ms(of((slice) => slice.p99Ms)),
      ratio: facts.join('; '),
      budget,
    };
  };
  return [
    row('link', 'HTTP', 'capacity >= 2 of HTTP'),
    row('link, mutual TLS', 'HTTPS, mutual TLS', 'capacity >= 2.5 of HTTPS; 5 ms'),
    row('HTTP', 'HTTP', '-'),
    row('HTTPS, mutual TLS', 'HTTPS, mutual TLS', '-'),
  ];
}
