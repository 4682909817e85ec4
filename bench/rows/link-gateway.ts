import { openGatewayStand } from '../gateway/gateway-stand.ts';
import { canReadCpuTime, cpuSecondsOf, LOAD_CORE, PROXY_CORE, whyNotPinned } from '../load/cores.ts';
import { medianOf, showSpread, spreadOverStarts } from '../load/pairs.ts';
import { warmUp } from '../load/warm-up.ts';
import { type Contestant, loadSlice, type Slice } from '../load/wrk.ts';
import { startNginxProxy, startNginxUpstream } from '../peers/nginx.ts';
import { findPeerPrograms } from '../peers/programs.ts';
import { ms, type Row } from '../table.ts';

const STARTS = 3;
const CYCLES = 3;
const CONNECTIONS = 64;
const COUNTS = { warm: 1_000, fresh: 1, freshAtOnce: 1 };
const ID = 'thg_01jd0000000000000000000000';

const NAMES = ['nginx', 'link, mutual TLS', 'HTTPS, mutual TLS', 'HTTP'] as const;
type Name = (typeof NAMES)[number];
/** Whose requests go where; the service's CPU time is counted beside the proxy's. */
type Runner = Contestant & { readonly name: Name; readonly servicePid: number };
type Measured = Slice & { readonly serviceCpuSeconds: number };
type Rounds = Record<Name, { readonly starts: Measured[][]; readonly aloneMs: number[] }>;

/**
 * The way of a request from a client through the gateway, everything on, to a service with the kit around it: over a link, over
 * pooled HTTPS and over plain HTTP, against a bare nginx proxy in the slice beside it.
 */
export async function linkGatewayRows(): Promise<Row[]> {
  const { found, leftOut } = await findPeerPrograms();
  for (const sentence of leftOut) console.log(sentence);
  const { nginx, wrk } = found;
  if (nginx === undefined || wrk === undefined || !canReadCpuTime) {
    console.log('The way over links is left out: it takes Linux, nginx and wrk.');
    return [];
  }
  if (whyNotPinned !== null) console.log(`Proxies and load share all cores: ${whyNotPinned}.`);
  const stand = await openGatewayStand(COUNTS);
  try {
    const upstream = await startNginxUpstream(nginx, stand.folder, LOAD_CORE);
    const proxy = await startNginxProxy(nginx, stand.folder, PROXY_CORE, upstream.port);
    try {
      const linked = await stand.startService({ name: 'linked', path: '/v1/linked', speaksLinks: true });
      const pooled = await stand.startService({ name: 'pooled', path: '/v1/pooled', speaksLinks: false });
      const rounds = Object.fromEntries(NAMES.map((name) => [name, { starts: [], aloneMs: [] }])) as unknown as Rounds;
      const measure = async (runner: Runner, connections = CONNECTIONS, seconds = 1, tries = 3): Promise<Measured> => {
        try {
          const before = cpuSecondsOf(runner.servicePid);
          const slice = await loadSlice(wrk, runner, { connections, seconds });
          return { ...slice, serviceCpuSeconds: cpuSecondsOf(runner.servicePid) - before };
        } catch (error) {
          // On a busy machine 64 handshakes of HTTPS take longer than a connection may; such a slice says nothing.
          if (tries <= 1) throw error;
          return measure(runner, connections, seconds, tries - 1);
        }
      };
      for (let start = 0; start < STARTS; start++) {
        // One for each way: code that both run is compiled for both, and whoever came first pays for it.
        const overLinks = await stand.startGateway(`/v1/linked/${ID}`, { MESH_TLS: 'required' });
        const overHttps = await stand.startGateway(`/v1/pooled/${ID}`, { MESH_TLS: 'required' });
        const plain = await stand.startGateway(`/v1/pooled/${ID}`);
        const run = (name: Name, by: { url: string; pid: number }, path: string, servicePid: number): Runner => ({
          ...{ name, url: by.url, pid: by.pid, path: `${path}/${ID}`, servicePid },
          tokens: stand.tokens.warm,
        });
        const runners = [
          run('nginx', proxy, '/v1/linked', upstream.pid),
          run('link, mutual TLS', overLinks, '/v1/linked', linked.pid),
          run('HTTPS, mutual TLS', overHttps, '/v1/pooled', pooled.pid),
          run('HTTP', plain, '/v1/pooled', pooled.pid),
        ];
        try {
          for (const runner of runners) {
            // Its connections one after the other: 64 handshakes at once on a busy core outlast the time for one.
            for (const connections of [1, 8, 32]) await measure(runner, connections);
            await warmUp(runner, (_, seconds) => measure(runner, CONNECTIONS, seconds));
            rounds[runner.name].starts.push([]);
          }
          for (let cycle = 0; cycle < CYCLES; cycle++)
            // There and back again, so that nobody is always after the same neighbour.
            for (const runner of cycle % 2 === 0 ? runners : runners.toReversed()) {
              await measure(runner); // into its stride; see load/wrk.ts
              rounds[runner.name].starts.at(-1)?.push(await measure(runner));
            }
          for (const runner of runners) rounds[runner.name].aloneMs.push((await measure(runner, 1)).p50Ms);
        } finally {
          await overLinks.stop();
          await overHttps.stop();
          await plain.stop();
        }
      }
      return toRows(rounds);
    } finally {
      await proxy.stop();
      await upstream.stop();
    }
  } finally {
    await stand.close();
  }
}

function toRows(rounds: Rounds): Row[] {
  const ratio = (name: Name, against: Name): string => {
    const starts = rounds[name].starts.map((slices, start) =>
      slices.map(({ capacity }, index) => capacity / (rounds[against].starts[start]?.[index]?.capacity ?? Number.NaN)),
    );
    const spread = spreadOverStarts(starts);
    return `${showSpread(spread)} of ${against}, starts ${spread.perStart.map((value) => value.toFixed(2)).join(' ')}`;
  };
  const row = (name: Name, against: readonly Name[], budget: string): Row => {
    const slices = rounds[name].starts.flat();
    const of = (value: (slice: Measured) => number): number => medianOf(slices.map(value));
    const us = (seconds: (slice: Measured) => number): string =>
      of((slice) => (seconds(slice) / slice.requests) * 1e6).toFixed(0);
    const facts = [
      ...against.map((other) => ratio(name, other)),
      `${us((slice) => slice.cpuSeconds)} + ${us((slice) => slice.serviceCpuSeconds)} us CPU/request`,
      `${Math.round(of((slice) => slice.perSecond))}/s`,
      `${Math.round(medianOf(rounds[name].aloneMs) * 1_000)} us p50 alone`,
    ];
    return {
      what: name === 'nginx' ? 'Bare nginx proxy' : `Through the gateway to a service: ${name}`,
      p50: ms(of((slice) => slice.p50Ms)),
      p99: ms(of((slice) => slice.p99Ms)),
      ratio: facts.join('; '),
      budget,
    };
  };
  return [
    row('nginx', [], '-'),
    row('link, mutual TLS', ['nginx', 'HTTPS, mutual TLS'], '>= 0.55 of nginx, >= 2.5 of HTTPS'),
    row('HTTPS, mutual TLS', ['nginx'], '-'),
    row('HTTP', ['nginx'], '-'),
  ];
}
