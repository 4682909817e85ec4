import type { Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { toPublicJwk } from '@tenantry/auth/jws.ts';
import { TENANTS_BUCKET, type TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { deriveClusterToken, deriveKeys, deriveNatsToken } from '@tenantry/databases/credentials.ts';
import { connectNats, type Nats } from '@tenantry/events/nats.ts';
import { describeFeatures } from '@tenantry/events/nats-features.ts';
import { watchState } from '@tenantry/events/pushed-state.ts';
import { openSharedState } from '@tenantry/events/shared-state.ts';
import { type Clock, systemClock } from '@tenantry/kernel/clock.ts';
import { newUuid, type TenantId } from '@tenantry/kernel/id.ts';
import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import { ConfigurationError } from '@tenantry/kit/configuration.ts';
import { Dependencies } from '@tenantry/kit/health/dependencies.ts';
import { Answering } from '@tenantry/kit/http/answering.ts';
import { createLinkDoor } from '@tenantry/kit/http/link-door.ts';
import { openLocalDoor } from '@tenantry/kit/http/local-door.ts';
import { createHttpServer } from '@tenantry/kit/http/server.ts';
import { CloseStack } from '@tenantry/kit/lifecycle/close-stack.ts';
import { openHubDoor } from '@tenantry/kit/lifecycle/hub-door.ts';
import { instanceKey } from '@tenantry/kit/lifecycle/instance-key.ts';
import { joinMesh, type MeshMembership } from '@tenantry/kit/lifecycle/join-mesh.ts';
import { LoadMeter } from '@tenantry/kit/lifecycle/load-meter.ts';
import { callersOf } from '@tenantry/kit/lifecycle/mesh-callers.ts';
import { openMeshDoor } from '@tenantry/kit/lifecycle/mesh-door.ts';
import { MeshDoorCounts } from '@tenantry/kit/lifecycle/mesh-door-counts.ts';
import { HEARTBEAT_MS, registerWithHub } from '@tenantry/kit/lifecycle/registration.ts';
import { createLogger, gatheredOutput, type Logger } from '@tenantry/kit/logger.ts';
import { Tracing } from '@tenantry/kit/tracing/tracing.ts';
import { openDiscovery } from '@tenantry/mesh/discovery.ts';
import type { LocalDoors } from '@tenantry/mesh/local-doors.ts';
import { type InstanceRecord, REGISTRY_BUCKET, toEndpointRecords } from '@tenantry/mesh/registry.ts';
import type { HubConfiguration } from './config.ts';
import { startSubscriptionConsumer } from './consumers/subscriptions.ts';
import { authenticateCallers } from './routes/callers.ts';
import { configurationRoutes } from './routes/configuration.ts';
import { healthRoutes } from './routes/health.ts';
import { meshRoutes } from './routes/mesh.ts';
import { ownConfigurationRoutes } from './routes/own-configuration.ts';
import { registryRoutes } from './routes/registry.ts';
import { startMarkerCleaner } from './schedule/marker-cleaner.ts';
import { startRootKeeper } from './schedule/root-keeper.ts';
import { startSettler } from './schedule/settler.ts';
import { startSweeper } from './schedule/sweeper.ts';
import { openAuthorityStore } from './store/authority-store.ts';
import { openBeatStore } from './store/beat-store.ts';
import { openConfigurationStore } from './store/configuration-store.ts';
import { openDepartures } from './store/departures.ts';
import { watchHubStores } from './store/hub-dependencies.ts';
import { type Link, watchLink } from './store/link.ts';
import { openPlanStandings } from './store/plan-standings.ts';
import { MeshAuthority } from './use-cases/authority.ts';
import { Configuration } from './use-cases/configuration.ts';
import { followSubscription } from './use-cases/follow-subscription.ts';
import { Leases } from './use-cases/leases.ts';
import { Registry } from './use-cases/registry.ts';

const MISSED_BEATS = 3;
/** For the first connection. */
const NATS_PATIENCE_MS = 3_000;
/** For its own entry, where NATS answers. */
const ACCEPTANCE_PATIENCE_MS = 10_000;
const TENANTS_UNKNOWN = 'Which tenants there are cannot be said: this hub waits for NATS. Try again shortly.';
const TERMS = { leaseMs: MISSED_BEATS * HEARTBEAT_MS, heartbeatMs: HEARTBEAT_MS };

export type RunningHub = {
  readonly url: string;
  /** For other machines; null where that door is not open. */
  readonly tlsUrl: string | null;
  readonly instanceId: string;
  readonly close: () => Promise<void>;
};

/** What is up to whoever opens a hub: a test, or a process that holds the services too. */
export type HubOverrides = {
  readonly clock?: Clock;
  readonly monotonicMs?: () => number;
  /** Of the services that live in this process with it. */
  readonly localDoors?: LocalDoors;
};

type Parts = {
  readonly nats: Nats;
  readonly link: Link;
  readonly ownId: string;
  readonly clock: Clock;
  readonly monotonicMs: () => number;
  readonly tracing: Tracing;
  readonly localDoors: LocalDoors | undefined;
  readonly logger: Logger;
  readonly closing: CloseStack;
};

export async function openHub(configuration: HubConfiguration, overrides: HubOverrides = {}): Promise<RunningHub> {
  const instanceId = `hub-${newUuid()}`;
  const output = gatheredOutput();
  const logger = createLogger({ service: 'hub', instanceId, level: configuration.LOG_LEVEL, output });
  const closing = new CloseStack();
  const tracing = new Tracing({ service: 'hub', instanceId, configuration, logger });
  closing.push(() => tracing.close());
  try {
    const nats = await connectNats({
      url: configuration.NATS_URL,
      name: instanceId,
      namespace: configuration.TENANTRY_NAMESPACE,
      token: deriveNatsToken(configuration.TENANTRY_MASTER_KEY),
      // Then it opens with the snapshot of the registry, and decides nothing until the registry has told everything.
      patienceMs: NATS_PATIENCE_MS,
      onServer: (features) => logger.info(describeFeatures(features)),
      onError: (error) => logger.warn({ err: error }, 'NATS cannot be reached yet: starting without it'),
    });
    closing.push(nats.close);
    const { clock = systemClock, monotonicMs = () => performance.now(), localDoors } = overrides;
    const link = watchLink(nats, monotonicMs);
    const parts: Parts = { nats, link, ownId: instanceId, clock, monotonicMs, tracing, localDoors, logger, closing };
    const urls = await openDoor(configuration, parts);
    return { ...urls, instanceId, close: () => closing.close() };
  } catch (error) {
    await closing.close();
    throw error;
  }
}

async function openDoor(configuration: HubConfiguration, parts: Parts): Promise<Pick<RunningHub, 'url' | 'tlsUrl'>> {
  const { nats, link, ownId, tracing, localDoors, logger, closing } = parts;
  const snapshotFile = `${configuration.TENANTRY_DATA_DIR}/snapshots/hub-registry.json`;
  const { registry, leases, departures } = await openRegistry(parts, snapshotFile);
  const layers = await openConfiguration(parts);
  const tenants = await watchState<TenantRecord>(nats, TENANTS_BUCKET);
  closing.push(tenants.close);
  const keyOf = (issuer: string) => instanceKey(configuration.TENANTRY_MASTER_KEY, issuer).publicKey;
  const discovery = await openDiscovery(nats, { keyOf });
  closing.push(discovery.close);
  const dependencies = new Dependencies(logger);
  const checks = watchHubStores(dependencies, nats);
  closing.push(async () => checks.stop());
  const authority = await openAuthority(configuration, parts);
  const membership = await joinMesh({
    settings: configuration,
    service: 'hub',
    instanceId: ownId,
    nats,
    dependencies,
    request: async (key) => authority.issue({ service: 'hub', instanceId: ownId }, key),
    logger,
  });
  if (membership !== null) closing.push(membership.close);
  const load = new LoadMeter();
  closing.push(async () => load.close());
  const configurationDeps = {
    configuration: layers,
    tenantExists: async (tenantId: TenantId) => {
      if (!tenants.isKnown()) throw upstreamUnavailable(TENANTS_UNKNOWN, { retryAfterSeconds: 1 });
      return (tenants.get(tenantId) ?? (await tenants.refresh(tenantId))) !== undefined;
    },
  };
  const routes = [
    ...registryRoutes(registry),
    ...healthRoutes({ records: () => registry.records, departures: departures.all, leases }),
    ...configurationRoutes(configurationDeps),
    ...ownConfigurationRoutes(configurationDeps),
    ...meshRoutes(authority),
  ];
  const doorCounts = new MeshDoorCounts();
  const answering = new Answering({
    service: 'hub',
    routes,
    authenticate: authenticateCallers(deriveClusterToken(configuration.TENANTRY_MASTER_KEY), discovery),
    idempotency: null,
    isReady: async () => registry.isKnown && !link.isClosed(),
    health: { dependencies, failing: checks.failing },
    load,
    tracing,
    doorCounts,
    logger,
  });
  if (localDoors !== undefined) closing.push(openLocalDoor(localDoors, ownId, answering, logger, doorCounts));
  const server = createHttpServer(answering);
  closing.push(() => server.close());
  const url = await server.listen({ host: configuration.HOST, port: configuration.PORT });
  const door =
    membership === null
      ? null
      : await openMeshDoor({
          identity: membership.identity,
          callers: callersOf(routes.map(({ endpoint }) => endpoint)),
          http: server.server,
          onLink: createLinkDoor(answering, logger, doorCounts),
          counts: doorCounts,
          logger,
          host: configuration.HOST,
          port: configuration.MESH_PORT,
        });
  if (door !== null) closing.push(door.close);
  const tlsUrl = await openTlsDoor(configuration, membership, server.server, logger, closing);
  const sweeper = startSweeper(registry, leases, logger);
  closing.push(sweeper.stop);
  // By its own door, like everybody else: so the other hubs hear of it, and the gateway routes what operators use.
  const registration = registerWithHub({
    hubUrl: url,
    masterKey: configuration.TENANTRY_MASTER_KEY,
    announcement: {
      instanceId: ownId,
      service: 'hub',
      url,
      ...(door === null ? {} : { meshUrl: door.url }),
      publicKey: toPublicJwk(keyOf(ownId)),
      endpoints: toEndpointRecords(
        routes.map((route) => route.endpoint),
        'hub',
      ),
    },
    logger,
    sources: { load, dependencies: () => dependencies.reports() },
    whenReady: membership?.identity.ready,
  });
  closing.push(registration.leave);
  closing.push(registration.drain);
  // Without a connection it is accepted when there is one: nothing is gained by waiting for that with a door that is open.
  if (nats.isConnected())
    await Promise.race([registration.accepted, sleep(ACCEPTANCE_PATIENCE_MS, null, { ref: false })]);
  logger.info({ url, instances: registry.isKnown ? registry.records.length : null }, 'ready');
  return { url, tlsUrl };
}

async function openTlsDoor(
  { HOST: host, HUB_TLS_PORT: port }: HubConfiguration,
  membership: MeshMembership | null,
  http: Server,
  logger: Logger,
  closing: CloseStack,
): Promise<string | null> {
  if (port === undefined) return null;
  if (membership === null)
    throw new ConfigurationError('HUB_TLS_PORT needs the certificate of the hub: set MESH_TLS to required.');
  const door = await openHubDoor({ identity: membership.identity, http, host, port, logger });
  closing.push(door.close);
  return door.url;
}

async function openRegistry({ nats, link, ownId, clock, monotonicMs, logger, closing }: Parts, snapshotFile: string) {
  const state = await openSharedState<InstanceRecord>(nats, { ...REGISTRY_BUCKET, snapshotFile });
  closing.push(state.close);
  const beats = await openBeatStore(nats);
  closing.push(beats.close);
  const departures = await openDepartures(nats);
  closing.push(departures.close);
  const leases = new Leases(TERMS, monotonicMs);
  link.onReturn((absentMs) => leases.excuse(absentMs));
  const cleaner = startMarkerCleaner(state, logger);
  closing.push(async () => cleaner.stop());
  const registry = new Registry({ state, beats, departures, leases, ownId, isConnected: link.isUp, clock, logger });
  return { registry, leases, departures };
}

/** Opens with roots that are known to all, where NATS answers: of two hubs that start at one instant, one has made them. */
async function openAuthority(configuration: HubConfiguration, { nats, link, clock, logger, closing }: Parts) {
  const store = await openAuthorityStore(nats);
  closing.push(store.close);
  const authority = new MeshAuthority({
    store,
    namespace: configuration.TENANTRY_NAMESPACE,
    sealingKeys: deriveKeys(configuration.TENANTRY_MASTER_KEY, 'mesh-authority'),
    policy: {
      certificateLifeMs: configuration.MESH_CERTIFICATE_SECONDS * 1_000,
      rotateEveryMs: configuration.MESH_ROOT_HOURS * 3_600_000,
    },
    clock,
    logger,
  });
  if (link.isUp()) await authority.tend();
  const keeper = startRootKeeper(authority, logger);
  closing.push(async () => keeper.stop());
  return authority;
}

async function openConfiguration({ nats, link, clock, logger, closing }: Parts): Promise<Configuration> {
  const store = await openConfigurationStore(nats);
  const configuration = new Configuration({ store, clock, logger });
  const settler = startSettler(configuration, store, link, logger);
  closing.push(async () => {
    settler.stop();
    store.close();
  });
  const standings = await openPlanStandings(nats);
  closing.push(async () => standings.close());
  const follow = followSubscription({ standings, configuration, clock });
  const consumer = startSubscriptionConsumer({ nats, follow, logger });
  closing.push(consumer.stop);
  return configuration;
}
