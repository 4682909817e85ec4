import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { type AccessTokenClaims, issueAccessToken } from '@tenantry/auth/access-token.ts';
import { KEYS_BUCKET, type PublishedKey, REVOCATIONS_BUCKET, type Revocation } from '@tenantry/auth/buckets.ts';
import { generateSigningKey, type SigningKey, toPublicJwk } from '@tenantry/auth/jws.ts';
import type { Endpoint } from '@tenantry/contract/endpoint.ts';
import {
  CONFIGURATION_BUCKET,
  type ConfigurationLayer,
  type PushedLayer,
} from '@tenantry/contract/tenant-configuration.ts';
import { TENANTS_BUCKET, type TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { connectNats } from '@tenantry/events/nats.ts';
import { openStateWriter, watchState } from '@tenantry/events/pushed-state.ts';
import { openHub } from '@tenantry/hub/app.ts';
import { readHubConfiguration } from '@tenantry/hub/config.ts';
import { newId, newUuid, type TenantId } from '@tenantry/kernel/id.ts';
import { Dependencies } from '@tenantry/kit/health/dependencies.ts';
import { Answering } from '@tenantry/kit/http/answering.ts';
import { createLinkDoor } from '@tenantry/kit/http/link-door.ts';
import { authenticateByPassport } from '@tenantry/kit/http/passport-check.ts';
import type { Route } from '@tenantry/kit/http/route.ts';
import { createHttpServer } from '@tenantry/kit/http/server.ts';
import { certificateFromHub, joinMesh } from '@tenantry/kit/lifecycle/join-mesh.ts';
import { LoadMeter } from '@tenantry/kit/lifecycle/load-meter.ts';
import { openMeshDoor } from '@tenantry/kit/lifecycle/mesh-door.ts';
import { MeshDoorCounts } from '@tenantry/kit/lifecycle/mesh-door-counts.ts';
import { registerWithHub } from '@tenantry/kit/lifecycle/registration.ts';
import { createLogger } from '@tenantry/kit/logger.ts';
import type { Tracing } from '@tenantry/kit/tracing/tracing.ts';
import { openDiscovery } from '@tenantry/mesh/discovery.ts';
import { toEndpointRecords } from '@tenantry/mesh/registry.ts';
import { expect, inject } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { steadyPort } from '../../../tests/support/steady-port.ts';
import { openGateway } from '../app.ts';
import { readGatewayConfiguration } from '../config.ts';
import { openLine } from './line.ts';
import { standInUsers } from './stand-in-users.ts';

const MASTER_KEY = 'ef'.repeat(32);
export const ISSUER = 'http://gateway.test';

export type Upstream = {
  readonly url: string;
  readonly instanceId: string;
  /** Ends as a process does that is asked to: leaves the registry, then closes its door. */
  readonly close: () => Promise<void>;
  /** Ends as a process does that is killed: nobody is told. */
  readonly kill: () => Promise<void>;
};

/** `breakLinks`: as when the network does. */
export type MeshUpstream = Upstream & {
  readonly load: LoadMeter;
  readonly links: () => number;
  readonly breakLinks: () => void;
};

/**
 * A hub, gateways and small services in this process, in a namespace of their own on the run's NATS and Redis. The hub's
 * leases live on a clock that `passTime` moves.
 */
export async function openSetting({
  natsUrl = inject('natsUrl'),
  hasUsers = true,
}: {
  readonly natsUrl?: string;
  /** Whether somebody stands in for users; false for a test that does so itself, or is about its absence. */
  readonly hasUsers?: boolean;
} = {}) {
  const namespace = `gw${newUuid().slice(-12)}`;
  const dataDir = mkdtempSync(join(tmpdir(), 'tenantry-gateway-'));
  const logger = createLogger({ service: 'test', instanceId: 'test', level: process.env.LOG_LEVEL ?? 'silent' });
  const nats = await connectNats({ url: natsUrl, name: 'gateway-test', namespace });
  const common = {
    PORT: '0',
    NATS_URL: natsUrl,
    TENANTRY_MASTER_KEY: MASTER_KEY,
    TENANTRY_DATA_DIR: dataDir,
    TENANTRY_NAMESPACE: namespace,
    MESH_TLS: 'off',
    LOG_LEVEL: process.env.LOG_LEVEL ?? 'silent',
  };
  let passedMs = 0;
  const hub = await openHub(readHubConfiguration(common), { monotonicMs: () => performance.now() + passedMs });
  const discovery = await openDiscovery(nats);
  const keys = await openStateWriter<PublishedKey>(nats, KEYS_BUCKET);
  const tenants = await openStateWriter<TenantRecord>(nats, TENANTS_BUCKET);
  const pushed = await watchState<TenantRecord>(nats, TENANTS_BUCKET);
  const revocations = await openStateWriter<Revocation>(nats, REVOCATIONS_BUCKET);
  const configurations = await openStateWriter<PushedLayer>(nats, CONFIGURATION_BUCKET);
  const tokenKey = generateSigningKey('token-key-1');
  const publishKey = (key: SigningKey) => keys.put(key.kid, { kid: key.kid, ...toPublicJwk(key.publicKey) });
  await publishKey(tokenKey);
  const records = new Map<string, TenantRecord>();
  const closers: (() => Promise<unknown>)[] = [];

  const enter = async (
    name: string,
    url: string,
    endpoints: readonly Endpoint[],
    closeDoor: () => Promise<void>,
    { instanceId = `${name}-${newUuid()}`, ...more }: { readonly instanceId?: string; readonly meshUrl?: string } = {},
  ) => {
    const key = generateSigningKey(instanceId);
    // Its own way to the hub: a killed process does not say goodbye.
    const line = await openLine(hub.url);
    const registration = registerWithHub({
      hubUrl: line.url,
      masterKey: MASTER_KEY,
      announcement: {
        instanceId: key.kid,
        service: name,
        url,
        publicKey: toPublicJwk(key.publicKey),
        endpoints: toEndpointRecords(endpoints, name),
        ...more,
      },
      logger,
    });
    await registration.accepted;
    await eventually(() => {
      if (!discovery.instancesOf(name).some(({ instanceId }) => instanceId === key.kid)) throw new Error('not seen');
    });
    let isEnded = false;
    const end = async (isKilled: boolean): Promise<void> => {
      if (isEnded) return;
      isEnded = true;
      if (isKilled) line.cut();
      await registration.leave();
      line.cut();
      await closeDoor();
    };
    closers.push(() => end(false));
    const upstream: Upstream = { url, instanceId: key.kid, close: () => end(false), kill: () => end(true) };
    return upstream;
  };

  /** As the kit makes them. */
  const service = async (
    name: string,
    routes: readonly Route[],
    options: { port?: number; isReady?: () => boolean; tracing?: Tracing } = {},
  ) => {
    const server = createHttpServer(
      new Answering({
        service: name,
        routes,
        authenticate: authenticateByPassport(discovery),
        idempotency: null,
        isReady: async () => options.isReady?.() ?? true,
        tracing: options.tracing,
        logger,
      }),
    );
    const url = await server.listen({ host: '127.0.0.1', port: options.port ?? (await steadyPort()) });
    const endpoints = routes.map((route) => route.endpoint);
    return enter(name, url, endpoints, async () => {
      server.server.closeAllConnections();
      await server.close();
    });
  };
  if (hasUsers) await service('users', standInUsers(records));

  const gatewayEnvironment = {
    ...common,
    HUB_URL: hub.url,
    REDIS_URL: inject('redisUrl'),
    PUBLIC_URL: ISSUER,
    REQUIRED_SERVICES: '',
    DRAIN_DEADLINE_MS: '2000',
    DRAIN_GRACE_MS: '50',
    // Those that are about time have times of their own; the others may meet a busy machine.
    REQUEST_DEADLINE_MS: '60000',
    HEADERS_TIMEOUT_MS: '60000',
    REQUEST_TIMEOUT_MS: '60000',
    RATE_LIMIT_TENANT_PER_SECOND: '100000',
    RATE_LIMIT_PRINCIPAL_PER_SECOND: '100000',
    RATE_LIMIT_ADDRESS_PER_SECOND: '100000',
    RATE_LIMIT_FAILURES_PER_SECOND: '100000',
  };

  return {
    namespace,
    hubUrl: hub.url,
    /** What users knows of tenants, pushed or not. */
    records,
    discovery,
    tokenKey,
    publishKey,
    revoke: (sessionId: string) => revocations.put(sessionId, { revokedAt: '2026-11-21T09:30:00.000Z' }),
    /** Writes one layer as the hub does, whose part this is not about. */
    configure: (key: string, layer: ConfigurationLayer, plan: string | null = null) =>
      configurations.put(key, { version: 1, layer, plan }),
    /** Lets the hub's leases age. */
    passTime: (ms: number): void => {
      passedMs += ms;
    },

    /** For a gateway in a process of its own. */
    environment: gatewayEnvironment,

    async gateway(environment: Readonly<Record<string, string>> = {}) {
      const gateway = await openGateway(readGatewayConfiguration({ ...gatewayEnvironment, ...environment }));
      closers.push(gateway.close);
      await eventually(() => {
        if (!discovery.instancesOf('gateway').some(({ instanceId }) => instanceId === gateway.instanceId))
          throw new Error('not registered');
      });
      return gateway;
    },

    service,

    /** The same with a mesh door, for gateways with MESH_TLS=required. */
    async meshService(name: string, routes: readonly Route[]): Promise<MeshUpstream> {
      const instanceId = `${name}-${newUuid()}`;
      const membership = await joinMesh({
        settings: { ...common, MESH_TLS: 'required', TENANTRY_DATA_DIR: join(dataDir, instanceId) },
        ...{ service: name, instanceId, nats, logger, dependencies: new Dependencies(logger) },
        request: certificateFromHub({ hubUrl: hub.url, masterKey: MASTER_KEY, service: name, instanceId }),
      });
      if (membership === null) throw new Error('A mesh that is required is never off.');
      await membership.settled;
      const counts = new MeshDoorCounts();
      const load = new LoadMeter();
      const answering = new Answering({
        ...{ service: name, routes, logger, load, idempotency: null, doorCounts: counts },
        authenticate: authenticateByPassport(discovery),
        isReady: async () => true,
      });
      const server = createHttpServer(answering);
      const url = await server.listen({ host: '127.0.0.1', port: 0 });
      const links = new Set<Duplex>();
      const accept = createLinkDoor(answering, logger, counts);
      const door = await openMeshDoor({
        ...{ identity: membership.identity, callers: 'any', http: server.server, counts, logger },
        ...{ host: '127.0.0.1', port: 0 },
        onLink(socket, caller) {
          links.add(socket);
          socket.once('close', () => links.delete(socket));
          return accept(socket, caller);
        },
      });
      const breakLinks = (): void => {
        for (const socket of links) socket.destroy();
      };
      const closeDoor = async (): Promise<void> => {
        await door.close();
        await server.close();
        load.close();
        await membership.close();
      };
      const endpoints = routes.map((route) => route.endpoint);
      const upstream = await enter(name, url, endpoints, closeDoor, { instanceId, meshUrl: door.url });
      return { ...upstream, load, breakLinks, links: () => links.size };
    },

    /** A server of the test's own. */
    announce: enter,

    /** A bare HTTP server behind these endpoints, for answers that the kit would never give. */
    async rawService(name: string, endpoints: readonly Endpoint[], listener: RequestListener, at?: number) {
      const port = at ?? (await steadyPort());
      const server = createServer((request, response) => {
        // Asked by a gateway that has seen it fail; what it does with requests is the test's.
        if (request.url === '/health/ready') response.end('{}');
        else listener(request, response);
      });
      await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      return enter(name, url, endpoints, async () => {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      });
    },

    async tenant(overrides: Partial<TenantRecord> = {}): Promise<TenantRecord> {
      const record: TenantRecord = {
        id: newId('ten'),
        slug: 'acme',
        name: 'Acme Trading',
        status: 'active',
        country: 'ID',
        currency: 'IDR',
        timeZone: 'Asia/Jakarta',
        mode: 'live',
        tax: { registered: false, npwp: null },
        version: 1,
        ...overrides,
      };
      records.set(record.id, record);
      await tenants.put(record.id, record);
      // A gateway that has not heard of it yet asks users. It hears when we do, or nearly.
      await eventually(() => expect(pushed.get(record.id)).toEqual(record));
      await nats.connection.flush();
      return record;
    },

    token(tenantId: TenantId, overrides: Partial<AccessTokenClaims> = {}, key = tokenKey, issuer = ISSUER): string {
      const nowSeconds = Math.floor(Date.now() / 1_000);
      return issueAccessToken(key, issuer, {
        tenantId,
        userId: newId('usr'),
        sessionId: newId('ses'),
        roles: ['admin'],
        issuedAtSeconds: nowSeconds,
        expiresAtSeconds: nowSeconds + 300,
        ...overrides,
      });
    },

    async close(): Promise<void> {
      for (const close of closers.reverse()) await close().catch(() => undefined);
      await discovery.close();
      await pushed.close();
      await hub.close();
      await nats.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

export type Setting = Awaited<ReturnType<typeof openSetting>>;

/** A question about one URL until the answer has this status. */
export async function answersWith(status: number, ask: () => Promise<Response>): Promise<Response> {
  return eventually(async () => {
    const response = await ask();
    if (response.status !== status) throw new Error(`answered ${response.status}: ${await response.text()}`);
    return response;
  });
}
