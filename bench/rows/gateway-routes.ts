import { type GatewayStand, openGatewayStand, type RunningGateway } from '../gateway/gateway-stand.ts';
import { canReadCpuTime, LOAD_CORE } from '../load/cores.ts';
import { showSpread, spreadOverStarts } from '../load/pairs.ts';
import { warmUp } from '../load/warm-up.ts';
import { type Contestant, loadInStride, loadSlice } from '../load/wrk.ts';
import { startNginxUpstream } from '../peers/nginx.ts';
import { findPeerPrograms } from '../peers/programs.ts';
import type { Row } from '../table.ts';

const TENANTS = 1_000;
const ROUTES_EACH = 20;
const STARTS = 3;
const TURNS = 4;
const CONNECTIONS = 64;
/** So many tenants' routes in one registration: a record of the registry must stay under NATS' 1 MB. */
const TENANTS_PER_RECORD = 50;

const pathOf = (tenant: number | string, route: number | string): string =>
  `/v1/products/p${tenant}/things${route}/:thingId`;
const requested = (tenant: string): string =>
  pathOf(tenant, ROUTES_EACH - 1).replace(':thingId', 'thg_01jd0000000000000000000000');

/**
 * Two gateways alive at once, one that knows 20 routes and one that knows those of a thousand tenants, loaded in turn: that one
 * with requests for the same 20 routes, which shows what knowing the others costs, and with requests for one route of each
 * tenant, which shows what it costs that a thousand routes are in use and the processor's cache does not hold them.
 */
export async function gatewayRouteRows(): Promise<Row[]> {
  const { nginx, wrk } = (await findPeerPrograms()).found;
  if (nginx === undefined || wrk === undefined || !canReadCpuTime) {
    console.log('Many routes against few are left out: that takes Linux, nginx and wrk.');
    return [];
  }
  const counts = { warm: TENANTS, fresh: 0, freshAtOnce: 0 };
  const few = await openGatewayStand(counts);
  const many = await openGatewayStand(counts);
  const upstream = await startNginxUpstream(nginx, few.folder, LOAD_CORE, TENANTS / TENANTS_PER_RECORD);
  const load = (one: Contestant, seconds = 1) => loadSlice(wrk, one, { connections: CONNECTIONS, seconds });
  const known: number[][] = [];
  const used: number[][] = [];
  try {
    await registerRoutes(few, upstream.port, 1, 1);
    await registerRoutes(many, upstream.port, TENANTS_PER_RECORD, ROUTES_EACH);
    for (let start = 0; start < STARTS; start++) {
      const gateways = [await few.startGateway(requested('950')), await many.startGateway(requested('999'))];
      const contestants = [
        contestant(few, 'few', gateways[0], requested('{n/50}')),
        contestant(many, 'many, few of them used', gateways[1], requested('{n/50}')),
        contestant(many, 'many', gateways[1], requested('{n}')),
      ];
      try {
        for (const each of contestants) await warmUp(each, load);
        const ratios: [number[], number[]] = [[], []];
        for (let turn = 0; turn < TURNS; turn++) {
          const capacities = new Map<Contestant, number>();
          for (const each of turn % 2 === 0 ? contestants : contestants.toReversed())
            capacities.set(each, (await loadInStride(wrk, each, { connections: CONNECTIONS, seconds: 1 })).capacity);
          const [alone = Number.NaN, fewUsed = Number.NaN, allUsed = Number.NaN] = contestants.map((each) =>
            capacities.get(each),
          );
          ratios[0].push(alone / fewUsed);
          ratios[1].push(alone / allUsed);
        }
        known.push(ratios[0]);
        used.push(ratios[1]);
      } finally {
        for (const gateway of gateways) await gateway.stop();
      }
    }
  } finally {
    await upstream.stop();
    await many.close();
    await few.close();
  }
  const all = `${TENANTS} tenants x ${ROUTES_EACH} routes`;
  return [
    toRow(`${all} against ${ROUTES_EACH} routes, the same ${ROUTES_EACH} in use`, known),
    toRow(`The same with ${TENANTS} of them in use`, used),
  ];
}

function toRow(what: string, ratios: readonly (readonly number[])[]): Row {
  const spread = spreadOverStarts(ratios);
  const perStart = spread.perStart.map((value) => value.toFixed(2)).join(' ');
  const ratio = `${showSpread(spread)} of the CPU time per request, starts ${perStart}`;
  return { what, p50: '-', p99: '-', ratio, budget: 'at most 1.03' };
}

/** As many services in both, so that only the number of routes differs. The route that is asked for is the last one. */
async function registerRoutes(stand: GatewayStand, port: number, tenantsEach: number, routesEach: number) {
  for (let record = 0; record < TENANTS / TENANTS_PER_RECORD; record++) {
    const tenants = Array.from({ length: tenantsEach }, (_, index) => record * TENANTS_PER_RECORD + index);
    const routes = Array.from({ length: routesEach }, (_, index) => ROUTES_EACH - 1 - index);
    await stand.register(
      `products${letters(record)}`,
      `http://127.0.0.${record + 1}:${port}`,
      tenants.flatMap((tenant) => routes.map((route) => pathOf(tenant, route))),
    );
  }
}

/** Names of services have no digits. */
const letters = (index: number): string => String.fromCharCode(97 + Math.floor(index / 26), 97 + (index % 26));

const contestant = (
  stand: GatewayStand,
  name: string,
  gateway: RunningGateway | undefined,
  path: string,
): Contestant => {
  if (gateway === undefined) throw new Error(`The gateway for ${name} did not start.`);
  return { name, url: gateway.url, pid: gateway.pid, path, tokens: stand.tokens.warm };
};
