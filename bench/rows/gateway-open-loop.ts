import { fileURLToPath } from 'node:url';
import { runCommand } from '@tenantry/deploy/embedded/run-command.ts';
import { openGatewayStand } from '../gateway/gateway-stand.ts';
import { LOAD_CORE } from '../load/cores.ts';
import type { OpenLoopOrder } from '../load/open-loop.ts';
import { medianOf } from '../load/pairs.ts';
import { startNginxUpstream } from '../peers/nginx.ts';
import { findPeerPrograms } from '../peers/programs.ts';
import type { Sample } from '../statistics.ts';
import { ms, type Row } from '../table.ts';

const GENERATOR = fileURLToPath(new URL('../load/open-loop.ts', import.meta.url));
const STARTS = 3;
const PAIRS = 2;
const PER_SECOND = 1_000;
const PATH = '/v1/things/thg_01jd0000000000000000000000';

/** A steady 1,000 requests a second of 100 tenants, through the gateway and straight at the upstream, in turn. */
export async function gatewayOpenLoopRows(): Promise<Row[]> {
  const { nginx } = (await findPeerPrograms()).found;
  if (nginx === undefined) {
    console.log('The gateway under a steady load is left out: its upstream is nginx.');
    return [];
  }
  const stand = await openGatewayStand({ warm: 1_000, fresh: 0, freshAtOnce: 0 });
  const upstream = await startNginxUpstream(nginx, stand.folder, LOAD_CORE);
  const send = (url: string, perSecond: number, seconds: number): Promise<Sample> =>
    openLoop({ url, perSecond, seconds, path: PATH, tokenFile: stand.tokens.warm.file, leadInSeconds: 0.5 });
  const pairs: { direct: Sample; through: Sample }[] = [];
  try {
    await stand.register('things', upstream.url, ['/v1/things/:thingId']);
    for (let start = 0; start < STARTS; start++) {
      const gateway = await stand.startGateway(PATH);
      try {
        await send(gateway.url, PER_SECOND * 2, 3.5);
        for (let pair = 0; pair < PAIRS; pair++) {
          const direct = await send(upstream.url, PER_SECOND, 2);
          pairs.push({ direct, through: await send(gateway.url, PER_SECOND, 2) });
        }
      } finally {
        await gateway.stop();
      }
    }
  } finally {
    await upstream.stop();
    await stand.close();
  }
  const of = (value: (pair: (typeof pairs)[number]) => number): number => medianOf(pairs.map(value));
  const direct = { p50: of((pair) => pair.direct.p50), p99: of((pair) => pair.direct.p99) };
  const added = {
    p50: of(({ through, direct: beside }) => through.p50 - beside.p50),
    p99: of(({ through, direct: beside }) => through.p99 - beside.p99),
  };
  return [
    {
      what: `Gateway at ${PER_SECOND} requests/s, open loop, 100 tenants`,
      p50: ms(of((pair) => pair.through.p50)),
      p99: ms(of((pair) => pair.through.p99)),
      ratio: `adds ${ms(added.p50)} p50, ${ms(added.p99)} p99 to direct (${ms(direct.p50)}, ${ms(direct.p99)})`,
      budget: 'adds p50 0.3 ms, p99 3 ms',
    },
  ];
}

async function openLoop(order: OpenLoopOrder): Promise<Sample> {
  const ran = await runCommand(process.execPath, [GENERATOR, JSON.stringify(order)]);
  if (ran.code !== 0) throw new Error(`The open loop at ${order.url} failed: ${ran.stderr}`);
  return JSON.parse(ran.stdout) as Sample;
}
