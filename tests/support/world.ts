import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type SigningKey, toPublicJwk } from '@tenantry/auth/jws.ts';
import { issuePassport, PASSPORT_HEADER } from '@tenantry/auth/passport.ts';
import { grantsOf } from '@tenantry/auth/permissions.ts';
import { type Principal, servicePrincipal } from '@tenantry/auth/principal.ts';
import type { BodyOf, Endpoint, ParamsOf, QueryOf, ResponseOf } from '@tenantry/contract/endpoint.ts';
import type { DataOf, EventDefinition, EventEnvelope } from '@tenantry/contract/event.ts';
import { TENANTS_BUCKET, type TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { connectNats, ensureStream, type Nats } from '@tenantry/events/nats.ts';
import { openStateWriter } from '@tenantry/events/pushed-state.ts';
import { eventSubject, streamName } from '@tenantry/events/subjects.ts';
import { continueTrace } from '@tenantry/kernel/call-context.ts';
import type { Clock } from '@tenantry/kernel/clock.ts';
import { newId, PLATFORM_TENANT_ID, type TenantId, type UserId } from '@tenantry/kernel/id.ts';
import { instanceKey } from '@tenantry/kit/lifecycle/instance-key.ts';
import { openDiscovery } from '@tenantry/mesh/discovery.ts';
import { LocalDoors } from '@tenantry/mesh/local-doors.ts';
import { REGISTRY_BUCKET, registryKey } from '@tenantry/mesh/registry.ts';
import type { TSchema } from 'typebox';
import { inject } from 'vitest';
import { copyTemplate } from './database.ts';
import { openByName, type PartName } from './parts.ts';
import { steadyPort } from './steady-port.ts';

export type SimulatorName = 'midtrans' | 'telegram' | 'mailbox';
export type { PartName } from './parts.ts';

export type Answer<Body> = { readonly status: number; readonly headers: Headers; readonly body: Body };

type AnyEndpoint = Endpoint<TSchema, TSchema, TSchema, TSchema>;
type Input<E extends AnyEndpoint> = {
  readonly params?: ParamsOf<E>;
  readonly query?: QueryOf<E>;
  readonly body?: BodyOf<E>;
};

/** Real time plus what a test has advanced; every service of a world lives on it. */
export type WorldClock = Clock & { readonly advance: (by: Temporal.DurationLike) => void };

export const OPERATOR_PASSWORD = 'operator of this test world';

/** What HTTP answers look like to a test: parsed JSON where it is JSON. Tests name the shape they expect. */
async function readAnswer<Body>(response: Response): Promise<Answer<Body>> {
  const type = response.headers.get('content-type') ?? '';
  const body: unknown = type.includes('json') ? await response.json() : Buffer.from(await response.arrayBuffer());
  return { status: response.status, headers: response.headers, body: body as Body };
}

/**
 * A whole system, or the part of it that a test needs, on real stores: a copy of the migrated database, a namespace on
 * NATS, Redis and ClickHouse, free ports, a hub, and a stand-in for the gateway's key so that tests can issue passports.
 */
export async function openWorld(options: {
  readonly services: readonly PartName[];
  readonly simulators?: readonly SimulatorName[];
  readonly environment?: Readonly<Record<string, string>>;
  /** The services call each other by functions, as in `npm start -- --single`; over sockets unless said. */
  readonly isSingle?: boolean;
}) {
  const namespace = `t${randomBytes(5).toString('hex')}`;
  const masterKey = inject('masterKey');
  const dataDir = await mkdtemp(join(tmpdir(), 'tenantry-world-'));
  const database = await copyTemplate(inject('postgresUrl'), namespace);
  let advancedMs = 0;
  const clock: WorldClock = {
    now: () => Temporal.Instant.fromEpochMilliseconds(Date.now() + advancedMs),
    advance: (by) => {
      advancedMs += Temporal.Duration.from(by).total({
        unit: 'milliseconds',
        relativeTo: Temporal.Now.zonedDateTimeISO('UTC'),
      });
    },
  };
  const localDoors = options.isSingle === true ? new LocalDoors() : undefined;
  const closers: (() => Promise<unknown>)[] = [];
  const open = new Map<string, { url: string; close: () => Promise<void> }>();

  const nats: Nats = await connectNats({ url: inject('natsUrl'), name: `world-${namespace}`, namespace });
  closers.push(() => nats.close());

  const environment: Record<string, string> = {
    HOST: '127.0.0.1',
    PORT: '0',
    // What a test adds of its own to a world has no certificate; the tests of the mesh turn it on.
    MESH_TLS: 'off',
    DATABASE_URL: database.serviceUrl,
    REDIS_URL: inject('redisUrl'),
    NATS_URL: inject('natsUrl'),
    CLICKHOUSE_URL: inject('clickhouseUrl'),
    HUB_URL: 'http://127.0.0.1:1',
    PUBLIC_URL: 'http://127.0.0.1:1',
    TENANTRY_MASTER_KEY: masterKey,
    TENANTRY_DATA_DIR: dataDir,
    TENANTRY_NAMESPACE: namespace,
    TENANTRY_ENVIRONMENT: 'development',
    TRACE_SAMPLE_RATIO: '0',
    // A second is for connections that a network is slow to tell of; every world would end by waiting for it.
    DRAIN_GRACE_MS: '50',
    TENANTRY_OPERATOR_PASSWORD: OPERATOR_PASSWORD,
    LOG_LEVEL: process.env.LOG_LEVEL ?? 'silent',
    MIDTRANS_URL: 'http://127.0.0.1:1',
    TELEGRAM_URL: 'http://127.0.0.1:1',
    MAILBOX_URL: 'http://127.0.0.1:1',
    SMTP_URL: 'smtp://127.0.0.1:1',
    ...options.environment,
  };

  const openPart = async (name: PartName, at?: string): Promise<void> => {
    const port = at ?? String(await steadyPort());
    const part = await openByName(name, { ...environment, PORT: port }, { clock, localDoors });
    open.set(name, part);
    Object.assign(environment, part.environment);
  };
  for (const simulator of options.simulators ?? []) await openPart(simulator);
  await openPart('hub');
  if (options.services.includes('gateway')) {
    // Tokens name the gateway's address as their issuer and providers call back there: all must know it before they start.
    const port = await steadyPort();
    environment.PUBLIC_URL = `http://127.0.0.1:${port}`;
    environment.REQUIRED_SERVICES = options.services.filter((service) => service !== 'gateway').join(',');
    await openPart('gateway', String(port));
  }
  for (const service of options.services) if (service !== 'gateway') await openPart(service);

  // A gateway of our own making, in name only: its key stands in the registry, so passports that tests issue are good.
  const standInKey = await registerStandIn(nats, 'gateway');
  const serviceKeys = new Map<string, SigningKey>();
  const discovery = await openDiscovery(nats);
  closers.push(() => discovery.close());

  const tenantsBucket = await openStateWriter<TenantRecord>(nats, TENANTS_BUCKET);
  const urlOf = (name: string): string => {
    const part = open.get(name);
    if (part === undefined) throw new Error(`This world has no ${name}.`);
    return part.url;
  };
  const serviceOf = (endpoint: AnyEndpoint): string => endpoint.name.slice(0, endpoint.name.indexOf('.'));

  const send = async <E extends AnyEndpoint>(
    endpoint: E,
    input: Input<E>,
    headers: Record<string, string>,
  ): Promise<Answer<ResponseOf<E>>> => {
    const params = (input.params ?? {}) as Record<string, string>;
    const path = endpoint.path.replaceAll(/:([A-Za-z]+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
    const query = new URLSearchParams(
      Object.entries((input.query ?? {}) as object).map(([key, value]) => [key, String(value)]),
    ).toString();
    const response = await fetch(`${urlOf(serviceOf(endpoint))}${path}${query === '' ? '' : `?${query}`}`, {
      method: endpoint.method,
      headers: { ...headers, ...(input.body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(input.body === undefined ? {} : { body: JSON.stringify(input.body) }),
    });
    return readAnswer(response);
  };

  return {
    namespace,
    clock,
    dataDir,
    nats,
    masterKey,
    discovery,
    urlOf,
    /** An administrator's connection string to this world's database. */
    databaseUrl: database.adminUrl,
    sql: database.sql,
    get gatewayUrl() {
      return urlOf('gateway');
    },
    get midtransUrl() {
      return urlOf('midtrans');
    },
    get telegramUrl() {
      return urlOf('telegram');
    },
    get mailboxUrl() {
      return urlOf('mailbox');
    },

    /** A tenant straight in the directory, for worlds without users. */
    async addTenant(overrides: Partial<TenantRecord> = {}): Promise<TenantRecord> {
      const id = newId('ten');
      const record: TenantRecord = {
        id,
        slug: `acme-${id.slice(-8)}`,
        name: 'Acme Trading',
        status: 'active',
        country: 'ID',
        currency: 'IDR',
        timeZone: 'Asia/Jakarta',
        mode: 'live',
        tax: { registered: true, npwp: '0012345678901000' },
        version: 1,
        ...overrides,
      };
      await tenantsBucket.put(record.id, record);
      return record;
    },

    principal: (tenantId: TenantId, roles: readonly string[], userId: UserId = newId('usr')): Principal => ({
      kind: 'user',
      tenantId,
      id: userId,
      grants: grantsOf(roles, tenantId === PLATFORM_TENANT_ID),
      roles,
      sessionId: newId('ses'),
      onBehalfOf: null,
    }),

    /** Straight to the service's own port, with a passport for `principal` (none for null). */
    call<E extends AnyEndpoint>(
      endpoint: E,
      input: Input<E>,
      principal: Principal | null,
      extra: { idempotencyKey?: string; headers?: Record<string, string> } = {},
    ) {
      const headers: Record<string, string> = { ...extra.headers };
      if (principal !== null)
        headers[PASSPORT_HEADER] = issuePassport(standInKey, principal, Math.floor(Date.now() / 1_000));
      if (extra.idempotencyKey !== undefined) headers['idempotency-key'] = extra.idempotencyKey;
      return send(endpoint, input, headers);
    },

    /** The same, as another service would call. */
    async callAsService<E extends AnyEndpoint>(
      service: string,
      endpoint: E,
      input: Input<E>,
      tenantId: TenantId,
      onBehalfOf: string | null = null,
    ) {
      let key = serviceKeys.get(service);
      if (key === undefined) {
        key = await registerStandIn(nats, service, 'draining');
        serviceKeys.set(service, key);
      }
      const passport = issuePassport(
        key,
        servicePrincipal(service, tenantId, onBehalfOf),
        Math.floor(Date.now() / 1_000),
      );
      return send(endpoint, input, { [PASSPORT_HEADER]: passport });
    },

    /** An event as if its service had told it. Publishing with the same `id` again is a redelivery by its author. */
    async publish<D extends EventDefinition>(
      definition: D,
      tenantId: TenantId,
      fact: { id?: string; subject: string; version: number; data: DataOf<D> },
    ): Promise<EventEnvelope> {
      const envelope: EventEnvelope = {
        specversion: '1.0',
        id: fact.id ?? newId('evt'),
        source: `/tenantry/${definition.service}`,
        type: definition.type,
        subject: fact.subject,
        time: clock.now().toString({ smallestUnit: 'millisecond' }),
        datacontenttype: 'application/json',
        tenantid: tenantId,
        aggregateversion: fact.version,
        traceparent: continueTrace(undefined),
        data: fact.data,
      };
      await ensureStream(nats, definition.service);
      // No Nats-Msg-Id: a doubled event must really reach the consumer for its inbox to be tested.
      await nats.jetstream.publish(eventSubject(namespace, envelope), JSON.stringify(envelope));
      return envelope;
    },

    /** The first event of this type that fits, from the beginning of its stream. */
    async heard<D extends EventDefinition>(
      definition: D,
      fits: (event: EventEnvelope<DataOf<D>>) => boolean,
      limitMs = 30_000,
    ): Promise<EventEnvelope<DataOf<D>>> {
      await ensureStream(nats, definition.service);
      const prefix = namespace === '' ? '' : `${namespace}.`;
      const consumer = await nats.jetstream.consumers.get(streamName(namespace, definition.service), {
        filter_subjects: `${prefix}evt.${definition.type}.>`,
      });
      const messages = await consumer.consume();
      const timer = setTimeout(() => messages.stop(), limitMs);
      try {
        for await (const message of messages) {
          const event = message.json<EventEnvelope<DataOf<D>>>();
          if (fits(event)) return event;
        }
      } finally {
        clearTimeout(timer);
        messages.stop();
      }
      throw new Error(`No fitting ${definition.type} within ${limitMs} ms.`);
    },

    async stop(name: PartName): Promise<void> {
      await open.get(name)?.close();
      open.delete(name);
    },
    /** Closes a part and opens it again on the same port. */
    async restart(name: PartName): Promise<void> {
      const port = new URL(urlOf(name)).port;
      await open.get(name)?.close();
      await openPart(name, port);
    },
    async start(name: PartName): Promise<void> {
      await openPart(name);
    },
    /** Closes a part; the answer opens it again where it was. */
    async suspend(name: PartName): Promise<() => Promise<void>> {
      const { port } = new URL(urlOf(name));
      await open.get(name)?.close();
      open.delete(name);
      return () => openPart(name, port);
    },

    /** What a service says of itself and of what it depends on. */
    async readiness(name: PartName) {
      const answer = await fetch(`${urlOf(name)}/health/ready`);
      type Ready = { status: string; degradedModes: string[]; dependencies: { name: string; state: string }[] };
      const { status, degradedModes, dependencies } = (await answer.json()) as Ready;
      return {
        httpStatus: answer.status,
        status,
        degradedModes,
        stateOf: (of: string) => dependencies.find((one) => one.name === of)?.state,
      };
    },

    async close(): Promise<void> {
      for (const part of [...open.values()].reverse()) await part.close().catch(() => undefined);
      for (const close of closers.reverse()) await close().catch(() => undefined);
      await database.drop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

export type World = Awaited<ReturnType<typeof openWorld>>;

async function registerStandIn(
  nats: Nats,
  service: string,
  status: 'up' | 'draining' = 'draining',
): Promise<SigningKey> {
  // From the master key, as every instance's is: it holds although nobody beats for the record and the hub removes it.
  const key = instanceKey(inject('masterKey'), `${service}-${randomBytes(8).toString('hex')}`);
  const registry = await openStateWriter<unknown>(nats, REGISTRY_BUCKET);
  await registry.put(registryKey({ service, instanceId: key.kid }), {
    instanceId: key.kid,
    service,
    url: 'http://127.0.0.1:1',
    publicKey: toPublicJwk(key.publicKey),
    status,
    generation: Number.MAX_SAFE_INTEGER,
    registeredAt: '2026-01-01T00:00:00.000Z',
    endpoints: [],
  });
  return key;
}
