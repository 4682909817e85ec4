import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Endpoint } from '@tenantry/contract/endpoint.ts';
import { expectAnswer, request } from '@tenantry/deploy/demo/api.ts';
import { createMainJob } from '@tenantry/deploy/demo/main-job.ts';
import { PORTS } from '@tenantry/deploy/launcher/ports.ts';
import { type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allEndpoints } from '../support/all-endpoints.ts';
import { sendIntoFailures } from '../support/canaries/failing-requests.ts';
import { type Canary, findCanaries, type Piece, type Sighting } from '../support/canaries/find-canaries.ts';
import { followFeed } from '../support/canaries/follow-feed.ts';
import { houseCanaries } from '../support/canaries/house-canaries.ts';
import { inTurns } from '../support/canaries/in-turns.ts';
import { PERMISSIONS, permissionFor } from '../support/canaries/may-be.ts';
import { plantLeaks } from '../support/canaries/plant-leaks.ts';
import { cursorsOf, readEverythingOf } from '../support/canaries/read-everything-of.ts';
import { readFolder, readProcesses } from '../support/canaries/read-machine.ts';
import {
  readClickHouse,
  readNats,
  readPostgres,
  readRedis,
  type Stores,
  storesOf,
} from '../support/canaries/read-stores.ts';
import { type RecordedAnswers, recordAnswers } from '../support/canaries/record-answers.ts';
import { type Confidant, walkWithCanaries } from '../support/canaries/walk-with-canaries.ts';
import { sendWrongRequests } from '../support/canaries/wrong-requests.ts';
import { eventually } from '../support/eventually.ts';
import { type LaunchedSystem, launchSystem, SYSTEM_OPERATOR_PASSWORD } from '../support/launched-system.ts';

const SERVICES = ['gateway', 'hub', 'users', 'subscriptions', 'payments', 'notifications', 'billing'] as const;
/** What each process says of itself to whoever asks. */
const OPEN_TO_ALL = ['/metrics', '/health', '/health/live', '/health/ready'];
const TRACES_READ = 40;

let system: LaunchedSystem;
let gateway: string;
let answers: RecordedAnswers;
let acme: Confidant;
let beta: Confidant;
/** What acme's people, and people without a token, read when they ask for beta's. */
const readByOthers: Piece[] = [];
let planted: readonly Canary[];
let wrong: Awaited<ReturnType<typeof sendWrongRequests>>;
let failed: Awaited<ReturnType<typeof sendIntoFailures>>;
let sightings: readonly Sighting[];

beforeAll(async () => {
  const masterKey = randomBytes(32).toString('hex');
  system = await launchSystem({
    // As variables, where they could be handed on to whom they do not concern.
    TENANTRY_MASTER_KEY: masterKey,
    UPSTREAM_ALLOWED_NETWORKS: '127.0.0.0/8',
    RATE_LIMIT_TENANT_PER_SECOND: '10000',
    RATE_LIMIT_PRINCIPAL_PER_SECOND: '10000',
    RATE_LIMIT_ADDRESS_PER_SECOND: '10000',
    RATE_LIMIT_FAILURES_PER_SECOND: '10000',
  });
  ({ gateway } = system.addresses);
  const stores = storesOf(system.dataDir, masterKey);
  answers = recordAnswers(gateway);
  const job = createMainJob(system.addresses);
  const { token: operatorToken } = await job.loginOperator(SYSTEM_OPERATOR_PASSWORD);
  const product = createServer((_, response) => response.end('thank you'));
  await once(product.listen(0, '127.0.0.1'), 'listening');
  const productUrl = `http://127.0.0.1:${(product.address() as AddressInfo).port}`;
  const walk = (slug: string, hasOwnServerKey: boolean) =>
    walkWithCanaries({ system, job, operatorToken, masterKey, slug, hasOwnServerKey, productUrl });
  [acme, beta] = await Promise.all([walk('acme-trading', true), walk('beta-trading', false)]);
  product.close();

  await readWhatIsOthers();
  const endpoints = (await allEndpoints()).filter(({ access }) => access !== 'services');
  const tokenFor = ({ reach }: Endpoint): string => (reach === 'platform' ? operatorToken : acme.tenant.adminToken);
  wrong = await sendWrongRequests({ gateway, endpoints, tokenFor, ids: acme.ids });
  failed = await sendIntoFailures({ system, stores, operatorToken, confidant: acme });
  await readTraces();
  planted = await plantLeaks(stores, system.dataDir);

  const canaries = [
    ...houseCanaries(stores, SYSTEM_OPERATOR_PASSWORD),
    ...[...acme.canaries, ...beta.canaries, ...webhookSecrets()],
    ...[...wrong.canaries, ...failed.canaries, ...planted],
  ];
  const find = findCanaries(canaries);
  const found: Sighting[] = [];
  for await (const pieces of everything(stores)) for (const piece of pieces) found.push(...find(piece));
  sightings = found;
});
afterAll(async () => {
  answers?.stop();
  await system?.destroy();
});

async function* everything(stores: Stores): AsyncGenerator<Iterable<Piece>> {
  yield answers.pieces;
  yield await readPostgres(stores);
  yield await readRedis(stores);
  yield await readNats(stores);
  yield await readClickHouse(stores);
  yield await readOpenToAll();
  yield [{ place: 'output of npm start', content: system.output() }];
  yield readFolder(system.dataDir);
  if (process.platform === 'linux') yield readProcesses(system.dataDir);
}

const readOpenToAll = (): Promise<readonly Piece[]> =>
  inTurns(
    SERVICES.flatMap((service) => OPEN_TO_ALL.map((path) => ({ service, path }))),
    async ({ service, path }) => {
      const content = await (await fetch(`http://127.0.0.1:${PORTS[service] + system.portOffset}${path}`)).text();
      return { place: `${service} ${path}`, content };
    },
  );

/** What the simulator was told to send along with each update of a bot. */
const webhookSecrets = (): readonly Canary[] =>
  [
    ...readFileSync(join(system.dataDir, 'simulators', 'telegram.json'), 'utf8').matchAll(/"secretToken":"([^"]+)"/g),
  ].map(([, value = '']) => ({ kind: 'webhook secret', of: 'nobody', value }));

/** As the API shows them to acme's admin, who is told nothing of those of others. */
async function readTraces(): Promise<void> {
  const { traceIds } = answers;
  const readTrace = (id: string) => request(`${gateway}/v1/traces/${id}`, 'GET', { token: acme.tenant.adminToken });
  const { headers } = await request(`${gateway}/v1/me`, 'GET', { token: acme.tenant.adminToken });
  await eventually(async () => expect((await readTrace(headers.get('x-trace-id') ?? '')).status).toBe(200));
  const step = Math.ceil(traceIds.length / TRACES_READ);
  await inTurns(
    traceIds.filter((_, at) => at % step === 0),
    readTrace,
  );
}

async function readWhatIsOthers(): Promise<void> {
  const cursors = await cursorsOf(gateway, beta.tenant.adminToken);
  const people = { admin: acme.tenant.adminToken, member: acme.customer.token, outsider: null };
  for (const [as, token] of Object.entries(people))
    for (const of of [beta, acme]) readByOthers.push(...(await readEverythingOf({ gateway, token, as, of, cursors })));

  const happens = (to: Confidant) => () =>
    expectAnswer(200, `${gateway}/v1/tenant`, 'PATCH', {
      token: to.tenant.adminToken,
      body: { tax: { registered: false } },
    });
  const follow = (whose: Confidant, lastEventId?: string) =>
    followFeed({
      gateway,
      token: whose.tenant.adminToken,
      ...(lastEventId === undefined ? {} : { lastEventId }),
      whenOpen: async () => {
        await happens(beta)();
        await happens(acme)();
      },
      until: (text) => text.includes('users.tenant.changed.v1'),
    });
  const [betas, acmes] = [await follow(beta), await follow(acme)];
  const withForeignPosition = await follow(acme, betas.lastEventId);
  for (const [how, { status, text }] of Object.entries({ acmes, withForeignPosition }))
    readByOthers.push({ place: `admin follows events (${how}: ${status})`, content: text });
}

const asText = (found: readonly Sighting[]): readonly string[] => [
  ...new Set(
    found.map(({ kind, of, encoding, place, excerpt }) => `${kind} of ${of}, ${encoding}, in ${place}: ${excerpt}`),
  ),
];

describe('What was told in confidence', () => {
  it('would be found in every sort of place', () => {
    const where = (kind: string) => sightings.filter((sighting) => sighting.kind === kind);
    expect(where('planted in PostgreSQL')).toContainEqual(
      expect.objectContaining({ place: 'PostgreSQL public.planted.note', encoding: 'hexadecimal' }),
    );
    expect(where('planted in Redis')).toContainEqual(
      expect.objectContaining({ place: 'Redis planted', encoding: 'base64' }),
    );
    expect(where('planted in NATS')).toContainEqual(expect.objectContaining({ place: 'NATS planted' }));
    expect(where('planted in ClickHouse')).toContainEqual(
      expect.objectContaining({ place: 'ClickHouse default.planted', encoding: 'as it is' }),
    );
    expect(where('planted in file')).toContainEqual(
      expect.objectContaining({ place: 'file logs/users.log', encoding: 'as numbers' }),
    );
  });

  it('went through every way of failing', () => {
    expect([...wrong.statuses]).toEqual(expect.arrayContaining([400, 401, 403, 404, 413, 415]));
    expect([...wrong.statuses]).not.toContain(500);
    expect(failed.statuses).toMatchObject({ refused: 500, unshowable: 500 });
    expect(failed.statuses.outside).toContain(503);
    expect(failed.statuses.withoutDatabase).toContain(503);
  });

  it('is where it is declared and nowhere else', () => {
    const kindsPlanted = new Set(planted.map(({ kind }) => kind));
    const leaks = sightings.filter(
      (sighting) => !kindsPlanted.has(sighting.kind) && permissionFor(sighting) === undefined,
    );
    expect(asText(leaks)).toEqual([]);
  });

  it('needs each of the declared places', () => {
    const used = new Set(sightings.map((sighting) => `${sighting.kind} in ${permissionFor(sighting)?.places.source}`));
    const declared = PERMISSIONS.filter(({ isOptional }) => isOptional !== true).flatMap(({ kinds, places }) =>
      kinds.map((kind) => `${kind} in ${places.source}`),
    );
    expect(declared.filter((one) => !used.has(one))).toEqual([]);
  });
});

describe('People of another tenant, and people of none', () => {
  it('read nothing of it', () => {
    const ids = Object.values(beta.ids).flatMap((id) => [id, uuidOf(id as TenantId)]);
    const find = findCanaries([
      ...beta.canaries,
      { kind: 'slug', of: 'beta-trading', value: 'beta-trading' },
      ...ids.map((value) => ({ kind: 'id', of: 'beta-trading', value })),
    ]);
    expect(asText(readByOthers.flatMap(find))).toEqual([]);
  });

  it('read their own all the same', () => {
    const find = findCanaries(acme.canaries);
    const places = new Set(readByOthers.flatMap(find).map(({ place }) => place));
    expect([...places]).toEqual(expect.arrayContaining(['admin reads 200 /v1/users', 'member reads 200 /v1/me']));
    expect([...places].filter((place) => place.startsWith('outsider'))).toEqual([]);
  });
});
