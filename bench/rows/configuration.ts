import { generateSigningKey, toPublicJwk } from '@tenantry/auth/jws.ts';
import type { TenantConfiguration } from '@tenantry/contract/tenant-configuration.ts';
import { deriveClusterToken, deriveNatsToken } from '@tenantry/databases/credentials.ts';
import { connectNats } from '@tenantry/events/nats.ts';
import { newId, newUuid, type TenantId } from '@tenantry/kernel/id.ts';
import { openTenantConfigurations } from '@tenantry/kit/tenants/configurations.ts';
import { InstanceIndex } from '@tenantry/mesh/instance-index.ts';
import type { InstanceRecord } from '@tenantry/mesh/registry.ts';
import type { Stand } from '../stand.ts';
import { type Sample, summarize } from '../statistics.ts';
import { ms, type Row } from '../table.ts';

const CHANGES = 200;
const INTERVAL_MS = 10;
const INSTANCES = 1_000;
const BATCHES = 2_000;
const LOOKUPS_PER_BATCH = 100;
const WARM_UP = 50;

/** Of the readers, not of the hub: what a value is where no layer sets it. */
const BASE: TenantConfiguration = {
  rateLimits: {
    tenant: { requestsPerSecond: 1, burstSeconds: 1 },
    principal: { requestsPerSecond: 1, burstSeconds: 1 },
    routes: {},
  },
  weight: 1,
  liveConnections: {
    eventStreamsPerTenant: 1,
    eventStreamsPerPrincipal: 1,
    webSocketsPerTenant: 1,
    webSocketsPerPrincipal: 1,
  },
  cors: { allowedOrigins: [], allowCredentials: false, maxAgeSeconds: 0 },
};

/** What the hub gives to everybody: a change of configuration where it is read, and an instance where it is called. */
export async function configurationRows(stand: Stand): Promise<Row[]> {
  const [pushed, answered] = await timePush(stand);
  const lookup = timeLookups();
  return [
    {
      what: `Configuration: request sent to value read, ${CHANGES} changes`,
      p50: ms(pushed.p50),
      p99: ms(pushed.p99),
      ratio: `${(pushed.p50 / answered.p50).toFixed(2)} × the hub's answer`,
      budget: '250 ms',
    },
    {
      what: `Discovery: one lookup among ${INSTANCES} instances of ${INSTANCES / 2} tenants`,
      p50: lookup.p50.toFixed(5),
      p99: lookup.p99.toFixed(5),
      ratio: '-',
      budget: '0.005 ms',
    },
  ];
}

async function timePush(stand: Stand): Promise<readonly [Sample, Sample]> {
  const nats = await connectNats({
    url: stand.storeUrls.natsUrl,
    name: 'bench-configuration',
    namespace: '',
    token: deriveNatsToken(stand.masterKey),
  });
  const reader = await openTenantConfigurations(nats, { base: BASE });
  const tenantId = stand.tenant.id as TenantId;
  const token = deriveClusterToken(stand.masterKey);
  const pushed: number[] = [];
  const answered: number[] = [];
  let arrived: () => void = () => undefined;
  reader.onChange(() => arrived());
  for (let index = 0; index < CHANGES + WARM_UP; index++) {
    const maxAgeSeconds = index + 1;
    const isRead = new Promise<number>((resolve) => {
      arrived = () => {
        if (reader.of(tenantId).cors.maxAgeSeconds === maxAgeSeconds) resolve(performance.now());
      };
    });
    const startedAt = performance.now();
    const answer = await fetch(`${stand.serviceUrl(8010)}/v1/config/${tenantId}`, {
      method: 'PUT',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        ...(index === 0 ? { 'if-none-match': '*' } : { 'if-match': '*' }),
      },
      body: JSON.stringify({ cors: { maxAgeSeconds } }),
    });
    if (!answer.ok) throw new Error(`The hub answered ${answer.status}: ${await answer.text()}`);
    await answer.arrayBuffer();
    const answeredAt = performance.now();
    const readAt = await isRead;
    if (index >= WARM_UP) {
      pushed.push(readAt - startedAt);
      answered.push(answeredAt - startedAt);
    }
    await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
  }
  await reader.close();
  await nats.close();
  return [summarize(pushed), summarize(answered)];
}

/** Milliseconds of one lookup, as the average of a batch: a clock cannot see a single one. */
function timeLookups(): Sample {
  const publicKey = toPublicJwk(generateSigningKey('bench').publicKey);
  const tenants = Array.from({ length: INSTANCES / 2 }, () => newId('ten'));
  const records = Array.from({ length: INSTANCES }, (_, index): InstanceRecord => {
    const tenantId = tenants[index];
    return {
      instanceId: `billing-${newUuid()}`,
      service: index % 10 === 0 ? 'users' : 'billing',
      url: `http://127.0.0.1:${index}`,
      publicKey,
      status: 'up',
      generation: index,
      registeredAt: '2026-01-01T00:00:00.000Z',
      endpoints: [],
      tenants: tenantId === undefined ? null : [tenantId],
    };
  });
  const index = new InstanceIndex(records);
  const durations: number[] = [];
  let found = 0;
  for (let batch = 0; batch < BATCHES; batch++) {
    const startedAt = performance.now();
    for (let lookup = 0; lookup < LOOKUPS_PER_BATCH; lookup++)
      found += index.find('billing', tenants[(batch * LOOKUPS_PER_BATCH + lookup) % tenants.length]).length;
    durations.push((performance.now() - startedAt) / LOOKUPS_PER_BATCH);
  }
  if (found === 0) throw new Error('Nothing was found: nothing was measured.');
  return summarize(durations.slice(BATCHES / 10));
}
