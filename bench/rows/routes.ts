import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { issueAccessToken } from '@tenantry/auth/access-token.ts';
import { KEYS_BUCKET, type PublishedKey } from '@tenantry/auth/buckets.ts';
import { generateSigningKey, toPublicJwk } from '@tenantry/auth/jws.ts';
import { TENANTS_BUCKET, type TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { deriveNatsToken } from '@tenantry/databases/credentials.ts';
import { connectNats } from '@tenantry/events/nats.ts';
import { openStateWriter } from '@tenantry/events/pushed-state.ts';
import { newId, PLATFORM_TENANT_ID, type TenantId } from '@tenantry/kernel/id.ts';
import autocannon from 'autocannon';
import { request } from 'undici';
import type { Stand } from '../stand.ts';
import { ms, type Row } from '../table.ts';

const TENANTS = 1_000;
const ROUTES = 20;
const SLICE_SECONDS = 2;
const PAIRS = 4;
const CONNECTIONS = 16;
const AT = '2026-11-21T09:30:00.000Z';

type Crowd = { readonly tokens: readonly string[]; readonly prefix: string; readonly routes: number };
type Slice = { readonly perCpuSecond: number; readonly p99: number };

/**
 * What many routes cost: the same requests of 1,000 tenants who share the platform's 20 routes, of 1,000 who have one of
 * their own, and of 1,000 who have 20 of their own, in neighbouring slices, by requests per CPU-second of the gateway. The
 * first has one upstream with its few connections and the others 1,000, so the second says what is the routes' part.
 */
export async function routeRows(stand: Stand): Promise<Row[]> {
  const product = createServer((_request, response) => response.end('{"ok":true}'));
  await new Promise<void>((resolve) => product.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(product.address() as AddressInfo).port}`;
  const nats = await connectNats({
    url: stand.storeUrls.natsUrl,
    name: 'bench-routes',
    namespace: '',
    token: deriveNatsToken(stand.masterKey),
  });
  try {
    const crowds = await plant(nats, stand.system.addresses.gateway, url);
    const gatewayUrl = stand.system.addresses.gateway;
    await awaitRoutes(gatewayUrl, crowds);
    const pid = gatewayPid(stand.system.dataDir);
    const slices: [Slice[], Slice[], Slice[]] = [[], [], []];
    for (const crowd of crowds) await load(gatewayUrl, crowd, pid);
    for (let pair = 0; pair < PAIRS; pair++)
      for (const [index, crowd] of crowds.entries()) slices[index]?.push(await load(gatewayUrl, crowd, pid));
    const [shared, lean, own] = slices;
    const against = (others: readonly Slice[]): string =>
      median(own.map((slice, index) => slice.perCpuSecond / (others[index]?.perCpuSecond ?? Number.NaN))).toFixed(3);
    const capacity = Math.round(median(own.map(({ perCpuSecond }) => perCpuSecond)));
    return [
      {
        what: `Routes: ${TENANTS} tenants x ${ROUTES} own, ${capacity} requests per CPU-second`,
        p50: '-',
        p99: ms(median(own.map(({ p99 }) => p99))),
        ratio: `${against(lean)} of one route each, ${against(shared)} of one table and upstream for all`,
        budget: 'at least 0.970 of one',
      },
    ];
  } finally {
    await nats.close();
    product.closeAllConnections();
    product.close();
  }
}

/** Writes tenants, a token key, upstreams and routes where the gateways read them: 20,000 calls would measure something else. */
async function plant(
  nats: Awaited<ReturnType<typeof connectNats>>,
  issuer: string,
  url: string,
): Promise<readonly Crowd[]> {
  const keys = await openStateWriter<PublishedKey>(nats, KEYS_BUCKET);
  const tenants = await openStateWriter<TenantRecord>(nats, TENANTS_BUCKET);
  const upstreams = await openStateWriter<unknown>(nats, { bucket: 'upstreams' });
  const routes = await openStateWriter<unknown>(nats, { bucket: 'routes' });
  const key = generateSigningKey('bench-routes');
  await keys.put(key.kid, { kid: key.kid, ...toPublicJwk(key.publicKey) });
  const nowSeconds = Math.floor(Date.now() / 1_000);

  const tenant = async (): Promise<{ id: TenantId; token: string }> => {
    const id: TenantId = newId('ten');
    await tenants.put(id, {
      ...{
        id,
        slug: 'bench',
        name: 'Bench',
        status: 'active',
        country: 'ID',
        currency: 'IDR',
        mode: 'live',
        version: 1,
      },
      ...{ timeZone: 'Asia/Jakarta', tax: { registered: false, npwp: null } },
    });
    const token = issueAccessToken(key, issuer, {
      ...{ tenantId: id, userId: newId('usr'), sessionId: newId('ses'), roles: ['member'] },
      ...{ issuedAtSeconds: nowSeconds, expiresAtSeconds: nowSeconds + 900 },
    });
    return { id, token };
  };
  const furnish = async (tenantId: TenantId, prefix: string, count: number): Promise<void> => {
    const kept = { tenantId, version: 1, createdAt: AT, updatedAt: AT };
    const upstreamId = newId('ups');
    const limits = {
      balancing: 'peak-ewma',
      hashBy: 'tenant',
      healthCheck: null,
      timeoutMs: 10_000,
      slowStartSeconds: 0,
    };
    await upstreams.put(`${tenantId}.${upstreamId}`, {
      ...{ ...kept, id: upstreamId, name: 'Bench', targets: [{ url, weight: 1 }] },
      ...limits,
    });
    for (let index = 0; index < count; index++) {
      const id = newId('rte');
      await routes.put(`${tenantId}.${id}`, {
        ...{ ...kept, id, upstreamId, methods: ['GET'], path: `/apps/${prefix}${index}/orders/:orderId` },
        ...{ access: 'token', permission: null, entitlement: null, rateLimit: null, transform: null, timeoutMs: null },
        ...{ maxBodyBytes: 1_048_576, webSocket: false, cookies: false, retry: 'idempotent' },
      });
    }
  };

  await furnish(PLATFORM_TENANT_ID, 'shared', ROUTES);
  const crowds = [
    { prefix: 'shared', own: 0, routes: ROUTES, tokens: [] as string[] },
    { prefix: 'lean', own: 1, routes: 1, tokens: [] as string[] },
    { prefix: 'own', own: ROUTES, routes: ROUTES, tokens: [] as string[] },
  ];
  const one = async (): Promise<void> => {
    for (const { tokens, prefix, own } of crowds) {
      const { id, token } = await tenant();
      if (own > 0) await furnish(id, prefix, own);
      tokens.push(token);
    }
  };
  for (let index = 0; index < TENANTS; index += 50) await Promise.all(Array.from({ length: 50 }, one));
  return crowds;
}

const headersOf = (token: string | undefined) => ({ authorization: `Bearer ${token}` });

async function awaitRoutes(gatewayUrl: string, crowds: readonly Crowd[]): Promise<void> {
  const untilMs = Date.now() + 20_000;
  for (const { tokens, prefix, routes } of crowds) {
    for (;;) {
      const answer = await request(`${gatewayUrl}/apps/${prefix}${routes - 1}/orders/1`, {
        headers: headersOf(tokens.at(-1)),
      });
      const text = await answer.body.text();
      if (answer.statusCode === 200) break;
      if (Date.now() > untilMs) throw new Error(`The routes did not come: ${answer.statusCode} ${text}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function load(gatewayUrl: string, { tokens, prefix, routes }: Crowd, pid: number): Promise<Slice> {
  const requests = tokens.map((token, index) => ({
    method: 'GET' as const,
    path: `/apps/${prefix}${index % routes}/orders/${index}`,
    headers: headersOf(token),
  }));
  const before = cpuSeconds(pid);
  let clients = 0;
  const result = await autocannon({
    url: gatewayUrl,
    connections: CONNECTIONS,
    duration: SLICE_SECONDS,
    // Each its own tenants: in step they would all be at the same one, and open connections that no crowd would.
    setupClient: (client) => {
      const mine = clients++ % CONNECTIONS;
      client.setRequests(requests.filter((_, index) => index % CONNECTIONS === mine));
    },
  });
  if (result.non2xx > 0 || result.errors > 0) throw new Error(`${result.non2xx} refused, ${result.errors} failed`);
  return { perCpuSecond: result.requests.total / (cpuSeconds(pid) - before), p99: result.latency.p99 };
}

function gatewayPid(dataDir: string): number {
  const children = JSON.parse(readFileSync(join(dataDir, 'children.json'), 'utf8')) as {
    name: string;
    identity: string;
  }[];
  const gateway = children.find(({ name }) => name === 'gateway');
  if (gateway === undefined) throw new Error('The launcher has no gateway.');
  return Number.parseInt(gateway.identity, 10);
}

/** User and system time, in ticks of a hundredth of a second (proc(5), fields 14 and 15). */
function cpuSeconds(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low = Number.NaN, high = Number.NaN] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return (low + high) / 2;
};
