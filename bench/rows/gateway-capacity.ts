import { type GatewayStand, openGatewayStand, type RunningGateway } from '../gateway/gateway-stand.ts';
import { canReadCpuTime, LOAD_CORE, PROXY_CORE, whyNotPinned } from '../load/cores.ts';
import { medianOf, showSpread, spreadOverStarts } from '../load/pairs.ts';
import { warmUp } from '../load/warm-up.ts';
import { type Contestant, loadInStride, loadSlice, type Slice } from '../load/wrk.ts';
import { startFastify } from '../peers/fastify.ts';
import { startHaproxy } from '../peers/haproxy.ts';
import { type RunningPeer, startNginxProxy, startNginxUpstream } from '../peers/nginx.ts';
import { findPeerPrograms, type PeerPrograms } from '../peers/programs.ts';
import { ms, type Row } from '../table.ts';

const STARTS = 3;
const CYCLES = 3;
const NEW_TOKEN_CYCLES = 2;
const CONNECTIONS = 64;
const COUNTS = { warm: 1_000, fresh: 60_000, freshAtOnce: 15_000 };
const PATH = '/v1/things/thg_01jd0000000000000000000000';
const PATTERN = '/v1/things/:thingId';

type Rounds = Map<string, { readonly cycles: Slice[][]; readonly alone: number[] }>;

/**
 * Requests per CPU-second of each proxy's own processes, against a bare nginx proxy loaded in the slice beside it. Token,
 * tenant, limit, permission and passport for the gateway; the peers do as much of it as they can. Three fresh processes.
 */
export async function gatewayCapacityRows(): Promise<Row[]> {
  const programs = await findPeerPrograms();
  for (const sentence of programs.leftOut) console.log(sentence);
  const { nginx, wrk } = programs.found;
  if (nginx === undefined || wrk === undefined || !canReadCpuTime) {
    console.log('The capacity of the gateway is left out: it takes Linux, nginx and wrk.');
    return [];
  }
  if (whyNotPinned !== null) console.log(`Proxies and load share all cores: ${whyNotPinned}.`);
  const stand = await openGatewayStand(COUNTS);
  const peers: RunningPeer[] = [];
  const keep = (peer: RunningPeer): RunningPeer => {
    peers.push(peer);
    return peer;
  };
  try {
    const upstream = keep(await startNginxUpstream(nginx, stand.folder, LOAD_CORE));
    const proxy = keep(await startNginxProxy(nginx, stand.folder, PROXY_CORE, upstream.port));
    await stand.register('things', upstream.url, [PATTERN]);
    const lasting = [contestant(stand, 'nginx', proxy)];
    const { haproxy } = programs.found;
    const { publicKeyPem } = stand.tokens;
    if (haproxy !== undefined) {
      const options = { folder: stand.folder, core: PROXY_CORE, upstreamPort: upstream.port, publicKeyPem };
      lasting.push(contestant(stand, 'HAProxy', keep(await startHaproxy(haproxy, options))));
    }
    const rounds: Rounds = new Map();
    for (let start = 0; start < STARTS; start++) {
      const gateway = await stand.startGateway(PATH);
      const fastify = await startFastify({
        ...{ folder: stand.folder, core: PROXY_CORE, upstreamUrl: upstream.url },
        ...{ redisUrl: stand.redisUrl, issuer: stand.issuer, publicKeyPem },
      });
      try {
        await measureStart(programs, stand, rounds, {
          contestants: [...lasting, contestant(stand, 'gateway', gateway), contestant(stand, 'fastify', fastify)],
          direct: contestant(stand, 'direct', upstream),
          gateway,
        });
      } finally {
        await fastify.stop();
        await gateway.stop();
      }
    }
    return toRows(rounds);
  } finally {
    for (const peer of peers.toReversed()) await peer.stop();
    await stand.close();
  }
}

const contestant = (stand: GatewayStand, name: string, { url, pid }: { url: string; pid: number }): Contestant => ({
  ...{ name, url, pid, path: PATH },
  tokens: stand.tokens.warm,
});

async function measureStart(
  { found }: PeerPrograms,
  stand: GatewayStand,
  rounds: Rounds,
  parts: { contestants: readonly Contestant[]; direct: Contestant; gateway: RunningGateway },
): Promise<void> {
  const { wrk } = found;
  if (wrk === undefined) throw new Error('Nothing is measured without a load generator.');
  const load: Load = (one, connections, seconds = 1) => loadSlice(wrk, one, { connections, seconds });
  const of = (name: string) => {
    const known = rounds.get(name) ?? { cycles: [], alone: [] };
    rounds.set(name, known);
    return known;
  };
  for (const one of parts.contestants) {
    if (one.name === 'gateway' || one.name === 'fastify')
      await warmUp(one, (each, seconds) => load(each, CONNECTIONS, seconds));
    else await load(one, CONNECTIONS);
    of(one.name).cycles.push([]);
  }
  for (let cycle = 0; cycle < CYCLES; cycle++) {
    // There and back again, so that nobody is always after the same neighbour.
    for (const one of cycle % 2 === 0 ? parts.contestants : parts.contestants.toReversed())
      of(one.name)
        .cycles.at(-1)
        ?.push(await loadInStride(wrk, one, { connections: CONNECTIONS, seconds: 1 }));
  }
  for (const one of [parts.direct, ...parts.contestants]) of(one.name).alone.push((await load(one, 1)).p50Ms);

  const [haproxy] = parts.contestants.filter(({ name }) => name === 'HAProxy');
  const [gateway] = parts.contestants.filter(({ name }) => name === 'gateway');
  if (haproxy === undefined || gateway === undefined) return;
  const [fresh, beside] = [of('gateway, new tokens'), of('HAProxy beside new tokens')];
  fresh.cycles.push([]);
  beside.cycles.push([]);
  await load({ ...gateway, tokens: stand.tokens.takeNew() }, CONNECTIONS);
  for (let cycle = 0; cycle < NEW_TOKEN_CYCLES; cycle++) {
    fresh.cycles.at(-1)?.push(await load({ ...gateway, tokens: stand.tokens.takeNew() }, CONNECTIONS));
    beside.cycles.at(-1)?.push(await load(haproxy, CONNECTIONS));
  }
}

type Load = (one: Contestant, connections: number, seconds?: number) => Promise<Slice>;

function toRows(rounds: Rounds): Row[] {
  const ratioOf = (name: string, other: string) =>
    spreadOverStarts(
      (rounds.get(name)?.cycles ?? []).map((slices, start) =>
        slices.map(
          (slice, index) => slice.capacity / (rounds.get(other)?.cycles[start]?.[index]?.capacity ?? Number.NaN),
        ),
      ),
    );
  const direct = medianOf(rounds.get('direct')?.alone ?? []);
  const row = (name: string, what: string, against: string, budget: string): Row[] => {
    const slices = rounds.get(name)?.cycles.flat() ?? [];
    if (slices.length === 0) return [];
    const of = (value: (slice: Slice) => number): number => medianOf(slices.map(value));
    const alone = rounds.get(name)?.alone ?? [];
    const spread = ratioOf(name, against);
    const facts = [
      `${showSpread(spread)} of ${against}, starts ${spread.perStart.map((value) => value.toFixed(2)).join(' ')}`,
      `${(1e6 / of((slice) => slice.capacity)).toFixed(0)} us CPU/request`,
      `${Math.round(of((slice) => slice.perSecond))}/s`,
      ...(alone.length === 0 ? [] : [`adds ${Math.round((medianOf(alone) - direct) * 1_000)} us p50 alone`]),
    ];
    return [
      {
        what,
        p50: ms(of((slice) => slice.p50Ms)),
        p99: ms(of((slice) => slice.p99Ms)),
        ratio: facts.join('; '),
        budget,
      },
    ];
  };
  const compare = (other: string, what: string, budget: string): Row[] => {
    if (!rounds.has(other)) return [];
    const spread = ratioOf('gateway', other);
    const starts = spread.perStart.map((value) => value.toFixed(2)).join(' ');
    return [{ what, p50: '-', p99: '-', ratio: `${showSpread(spread)}, starts ${starts}`, budget }];
  };
  return [
    ...row('nginx', 'Bare nginx proxy, 64 connections', 'nginx', '-'),
    ...row('gateway', 'Gateway, everything on', 'nginx', 'capacity >= 0.28, goal 0.4'),
    ...row('HAProxy', 'HAProxy: ES256, stick table, headers', 'nginx', '-'),
    ...row('fastify', 'fastify, jose, limiter on Redis, http-proxy', 'nginx', '-'),
    ...compare('HAProxy', 'Capacity of the gateway / HAProxy', '>= 1.5'),
    ...compare('fastify', 'Capacity of the gateway / fastify stack', '>= 4'),
    ...row('gateway, new tokens', 'Gateway, every token new', 'HAProxy beside new tokens', '>= 0.7 of HAProxy'),
  ];
}
