import { CONFIGURATION_BUCKET, type PushedLayer, tenantKey } from '@tenantry/contract/tenant-configuration.ts';
import { deriveNatsToken } from '@tenantry/databases/credentials.ts';
import { connectNats } from '@tenantry/events/nats.ts';
import { openStateWriter } from '@tenantry/events/pushed-state.ts';
import { SYSTEM_OPERATOR_PASSWORD } from '@tenantry/tests/support/launched-system.ts';
import autocannon from 'autocannon';
import type { Stand } from '../stand.ts';
import { ms, type Row } from '../table.ts';

const PATH = '/v1/me';
const LIMIT_PER_SECOND = 50;
const FLOOD_PER_SECOND = 50 * LIMIT_PER_SECOND;
/** Enough that the rate is asked for although each connection is kept waiting for its refusals. */
const FLOOD_CONNECTIONS = 300;
const QUIET_PER_SECOND = 100;
const SLICE_SECONDS = 4;
const SLICES = 4;

/**
 * What three tenants at a moderate rate notice of a fourth that asks for 50 times its limit. Slices with and without the
 * flood in turn; the flood comes from a thread of its own, so that the client's event loop is not what is measured.
 */
export async function fairnessRows(stand: Stand): Promise<Row[]> {
  const url = `${stand.system.addresses.gateway}${PATH}`;
  const operator = await stand.job.loginOperator(SYSTEM_OPERATOR_PASSWORD);
  const flooding = await stand.job.createTenant(operator.token, 'bench-flood');
  const quiet = [];
  for (const name of ['b', 'c', 'd']) quiet.push(await stand.job.createTenant(operator.token, `bench-quiet-${name}`));
  await limit(stand, flooding.id);
  await refusal(url, flooding.adminToken);

  await moderate(url, quiet); // warms up what is measured
  const p99s: { alone: number[]; beside: number[] } = { alone: [], beside: [] };
  let offered = 0;
  for (let slice = 0; slice < SLICES; slice++) {
    p99s.alone.push(await moderate(url, quiet));
    const [p99, flood] = await Promise.all([moderate(url, quiet), floodWith(url, flooding.adminToken)]);
    p99s.beside.push(p99);
    offered += flood.requests.average / SLICES;
  }
  const [alone, beside] = [median(p99s.alone), median(p99s.beside)];
  return [
    {
      what: `Fairness: 3 tenants at ${QUIET_PER_SECOND}/s beside one answered ${Math.round(offered)}/s at a limit of ${LIMIT_PER_SECOND}/s`,
      p50: '-',
      p99: ms(beside),
      ratio: `${(beside / alone).toFixed(2)} x without it (${ms(alone)})`,
      budget: '2 x',
    },
  ];
}

/** Puts a limit of its own on a tenant, where every gateway watches. */
async function limit(stand: Stand, tenantId: string): Promise<void> {
  const nats = await connectNats({
    url: stand.storeUrls.natsUrl,
    name: 'bench-fairness',
    namespace: '',
    token: deriveNatsToken(stand.masterKey),
  });
  const layers = await openStateWriter<PushedLayer>(nats, CONFIGURATION_BUCKET);
  const tenant = { requestsPerSecond: LIMIT_PER_SECOND, burstSeconds: 1 };
  await layers.put(tenantKey(tenantId), { version: 1, layer: { rateLimits: { tenant } }, plan: null });
  await nats.close();
}

/** Resolves when the limit is in force. */
async function refusal(url: string, token: string): Promise<void> {
  const deadlineMs = Date.now() + 10_000;
  while (Date.now() < deadlineMs) {
    const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
    await answer.arrayBuffer();
    if (answer.headers.get('ratelimit-policy')?.includes(`"tenant";q=${LIMIT_PER_SECOND};w=1`) === true) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('The limit of the flooding tenant did not come into force.');
}

/** The worst p99 of the tenants that keep to their limits, none of whose requests may be refused. */
async function moderate(url: string, tenants: readonly { readonly adminToken: string }[]): Promise<number> {
  const results = await Promise.all(
    tenants.map(({ adminToken }) =>
      autocannon({
        url,
        headers: { authorization: `Bearer ${adminToken}` },
        connections: 4,
        overallRate: QUIET_PER_SECOND,
        duration: SLICE_SECONDS,
      }),
    ),
  );
  for (const { non2xx, errors } of results)
    if (non2xx > 0 || errors > 0) throw new Error(`A tenant within its limits: ${non2xx} refused, ${errors} failed`);
  return Math.max(...results.map(({ latency }) => latency.p99));
}

const floodWith = (url: string, token: string) =>
  autocannon({
    url,
    headers: { authorization: `Bearer ${token}` },
    connections: FLOOD_CONNECTIONS,
    overallRate: FLOOD_PER_SECOND,
    duration: SLICE_SECONDS,
    workers: 1,
  });

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
