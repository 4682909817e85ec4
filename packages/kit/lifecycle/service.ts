import { toPublicJwk } from '@tenantry/auth/jws.ts';
import { deriveKeys, deriveNatsToken } from '@tenantry/databases/credentials.ts';
import { type Databases, openDatabases } from '@tenantry/databases/factory.ts';
import { startConsumers } from '@tenantry/events/consumer.ts';
import { startInboxPruner } from '@tenantry/events/inbox-pruner.ts';
import { connectNats, ensureStream, type Nats } from '@tenantry/events/nats.ts';
import { natsEngine } from '@tenantry/events/nats-engine.ts';
import { describeFeatures } from '@tenantry/events/nats-features.ts';
import { startOutboxRelay } from '@tenantry/events/outbox-relay.ts';
import type { Subscription } from '@tenantry/events/subscription.ts';
import { hearingsOf } from '@tenantry/events/upcasting.ts';
import { currentTraceparent } from '@tenantry/kernel/call-context.ts';
import { type Clock, systemClock } from '@tenantry/kernel/clock.ts';
import { newUuid } from '@tenantry/kernel/id.ts';
import type { Tracer } from '@tenantry/kernel/tracing/tracer.ts';
import { createMesh, type Mesh } from '@tenantry/mesh/client.ts';
import { type Discovery, openDiscovery } from '@tenantry/mesh/discovery.ts';
import { EdgeTraffic } from '@tenantry/mesh/edge-traffic.ts';
import { LinkCounts } from '@tenantry/mesh/links/link-counts.ts';
import type { LocalDoors } from '@tenantry/mesh/local-doors.ts';
import { toEndpointRecords } from '@tenantry/mesh/registry.ts';
import { type SecretsSettings, vaultSettingsOf } from '../configuration/secrets-engine.ts';
import { deadLetterRoutes } from '../dead-letters/dead-letter-routes.ts';
import { type DueHandler, startTicker } from '../due/ticker.ts';
import { checkEngines } from '../health/check-engines.ts';
import { Dependencies } from '../health/dependencies.ts';
import { createServiceProbe } from '../health/service-probe.ts';
import { Answering, type AnsweringOptions } from '../http/answering.ts';
import { createPruningSchedule, IDEMPOTENCY_PRUNING, pruneIdempotencyKeys } from '../http/idempotency-pruning.ts';
import { createLinkDoor } from '../http/link-door.ts';
import { openLocalDoor } from '../http/local-door.ts';
import { authenticateByPassport } from '../http/passport-check.ts';
import type { Route } from '../http/route.ts';
import { createHttpServer } from '../http/server.ts';
import { createLogger, gatheredOutput, type Logger } from '../logger.ts';
import { openTenantDirectory, type TenantDirectory } from '../tenants/directory.ts';
import type { TracingConfiguration } from '../tracing/settings.ts';
import { Tracing } from '../tracing/tracing.ts';
import { CloseStack } from './close-stack.ts';
import { instanceKey } from './instance-key.ts';
import { certificateFromHub, joinMesh, type MeshMembership } from './join-mesh.ts';
import { LoadMeter } from './load-meter.ts';
import { callersOf } from './mesh-callers.ts';
import { openMeshDoor } from './mesh-door.ts';
import { MeshDoorCounts } from './mesh-door-counts.ts';
import { openMeshLinks } from './open-mesh-links.ts';
import { pinHub } from './pin-hub.ts';
import { registerWithHub } from './registration.ts';
import { readServedTenants } from './served-tenants.ts';

/** For the first connection. */
const NATS_PATIENCE_MS = 3_000;

/** The configuration that every service with databases shares (`CommonConfiguration` and `StoreConfiguration`). */
export type ServiceConfiguration = TracingConfiguration & {
  readonly HOST: string;
  readonly PORT: number;
  readonly NATS_URL: string;
  readonly HUB_URL: string;
  /** Of the roots of a hub by https. */
  readonly HUB_ROOT_FINGERPRINT?: string;
  readonly PUBLIC_URL: string;
  readonly TENANTRY_MASTER_KEY: string;
  readonly TENANTRY_DATA_DIR: string;
  readonly TENANTRY_NAMESPACE: string;
  readonly TENANTRY_ENVIRONMENT: 'development' | 'production';
  readonly MESH_TLS: 'required' | 'off';
  readonly MESH_PORT: number;
  readonly LOG_LEVEL: string;
  readonly DATABASE_URL: string;
  readonly REDIS_URL: string;
  readonly CLICKHOUSE_URL: string;
  /** Databases beside the main one, and who lives there: `readPlacement`. */
  readonly TENANT_DATABASES?: string;
  readonly TENANT_PLACEMENTS?: string;
  /** Tenant ids with commas between; empty means everybody. */
  readonly SERVES_TENANTS?: string;
  readonly INSTANCE_WEIGHT?: number;
} & Partial<SecretsSettings>;

/** What the kit hands to a service's `app.ts`. */
export type Platform<Tables> = {
  readonly databases: Databases<Tables>;
  readonly mesh: Mesh;
  readonly nats: Nats;
  readonly tenants: TenantDirectory;
  /** Stores and services of ours are declared already; a service declares the providers that it calls. */
  readonly dependencies: Dependencies;
  /** For what a service begins by itself. Requests, events and due work are traced already. */
  readonly tracer: Tracer;
  readonly clock: Clock;
  readonly logger: Logger;
};

/** What a service's `app.ts` hands back. */
export type ServiceApp<Tables> = {
  readonly routes: readonly Route[];
  readonly subscriptions: readonly Subscription<Tables>[];
  readonly due: Readonly<Record<string, DueHandler>>;
  /** Runs before the first request is taken: seeds, schemas of derived stores, caches. */
  readonly prepare?: () => Promise<void>;
  readonly close?: () => Promise<void>;
};

export type ServiceDefinition<Tables, Configuration extends ServiceConfiguration> = {
  readonly name: string;
  readonly configuration: Configuration;
  readonly create: (
    platform: Platform<Tables>,
    configuration: Configuration,
  ) => ServiceApp<Tables> | Promise<ServiceApp<Tables>>;
} & ServiceOverrides;

/** What is up to whoever opens a service: a test, or a process that holds several. */
export type ServiceOverrides = {
  readonly clock?: Clock;
  readonly redeliveryDelaysMs?: readonly number[];
  /** Of the services that live in this process with it. */
  readonly localDoors?: LocalDoors;
};

export type RunningService = { readonly url: string; readonly instanceId: string; readonly close: () => Promise<void> };

/**
 * Opens a service: stores, then what hangs on them, then the door. Closing begins with the registry, so that nobody new is
 * sent here, and then goes in reverse order, so that what is under way can finish. Knows nothing of processes, so several
 * services can live in one.
 */
export async function openService<Tables, Configuration extends ServiceConfiguration>(
  definition: ServiceDefinition<Tables, Configuration>,
): Promise<RunningService> {
  const { name, configuration } = definition;
  const instanceId = `${name}-${newUuid()}`;
  const clock = definition.clock ?? systemClock;
  const logger = createLogger({
    ...{ service: name, instanceId, level: configuration.LOG_LEVEL },
    output: gatheredOutput(),
  });
  const closing = new CloseStack();
  const tracing = new Tracing({ service: name, instanceId, configuration, logger });
  // Last of all: what the others still do is traced too.
  closing.push(() => tracing.close());
  try {
    const nats = await connectNats({
      url: configuration.NATS_URL,
      name: instanceId,
      namespace: configuration.TENANTRY_NAMESPACE,
      token: deriveNatsToken(configuration.TENANTRY_MASTER_KEY),
      // Then it opens without: what commits waits in the outbox, and calls go by the snapshot of the registry.
      patienceMs: NATS_PATIENCE_MS,
      onServer: (features) => logger.info(describeFeatures(features)),
      onError: (error) => logger.warn({ err: error }, 'NATS cannot be reached yet: starting without it'),
    });
    closing.push(nats.close);
    const databases = openServiceDatabases<Tables>(name, configuration, clock, logger);
    closing.push(databases.close);
    await databases.checkPlacement();
    const snapshots = `${configuration.TENANTRY_DATA_DIR}/snapshots/${name}`;
    const discovery = await openDiscovery(nats, {
      snapshotFile: `${snapshots}-registry.json`,
      keyOf: (issuer) => instanceKey(configuration.TENANTRY_MASTER_KEY, issuer).publicKey,
    });
    closing.push(discovery.close);
    const signingKey = instanceKey(configuration.TENANTRY_MASTER_KEY, instanceId);
    const load = new LoadMeter();
    closing.push(async () => load.close());
    const traffic = new EdgeTraffic();
    let membership: MeshMembership | null = null;
    const dependencies = new Dependencies(
      logger,
      createServiceProbe(discovery, () => membership?.identity ?? null),
    );
    closing.push(async () => dependencies.close());
    const pinned = pinHub(configuration);
    membership = await joinMesh({
      settings: configuration,
      service: name,
      instanceId,
      nats,
      dependencies,
      request: certificateFromHub({
        hubUrl: configuration.HUB_URL,
        pinned,
        masterKey: configuration.TENANTRY_MASTER_KEY,
        service: name,
        instanceId,
      }),
      pinned,
      logger,
    });
    if (membership !== null) closing.push(membership.close);
    const identity = membership?.identity ?? null;
    const linkCounts = new LinkCounts();
    const links = openMeshLinks(identity, discovery, linkCounts, logger);
    if (links !== null) closing.push(links.close);
    const targets = definition.localDoors?.targetsFor({ service: name, instanceId }, links) ?? links;
    const mesh = createMesh({
      service: name,
      identity,
      targets,
      signingKey,
      discovery,
      traffic,
      health: {
        monitorOf: (service) => dependencies.ofService(service),
        onBreaker: (service, to, transition) => dependencies.breakerMoved(service, transition, { instanceId: to }),
      },
    });
    closing.push(mesh.close);
    const checks = checkEngines(dependencies, [...databases.engines, natsEngine(nats, databases.calls)]);
    closing.push(async () => checks.stop());
    const tenants = await openTenantDirectory(nats, mesh, { snapshotFile: `${snapshots}-tenants.json` });
    closing.push(tenants.close);

    const app = await definition.create(
      { databases, mesh, nats, tenants, dependencies, tracer: tracing, clock, logger },
      configuration,
    );
    if (app.close !== undefined) closing.push(app.close);
    // Else the relay makes it, before it publishes anything.
    if (nats.isConnected()) await ensureStream(nats, name);
    await app.prepare?.();

    for (const { name: database, workerPool } of databases.placed) {
      const relay = startOutboxRelay({
        service: name,
        pool: workerPool,
        nats,
        committed: databases.committed,
        tracer: tracing,
        onError: (error) => logger.error({ err: error, database }, 'the outbox waits'),
      });
      closing.push(relay.stop);
    }
    const health = { dependencies, failing: checks.failing };
    await membership?.settled;
    const { localDoors } = definition;
    const door = { name, instanceId, configuration, databases, discovery, membership, localDoors, app, load, health };
    const { url, meshUrl } = await openDoor({ ...door, linkCounts, tracing, logger, closing });
    const registration = registerWithHub({
      hubUrl: configuration.HUB_URL,
      pinned,
      masterKey: configuration.TENANTRY_MASTER_KEY,
      announcement: {
        instanceId,
        service: name,
        url,
        ...(meshUrl === null ? {} : { meshUrl }),
        publicKey: toPublicJwk(signingKey.publicKey),
        endpoints: toEndpointRecords(
          app.routes.map((route) => route.endpoint),
          name,
        ),
        tenants: readServedTenants(configuration.SERVES_TENANTS),
        weight: configuration.INSTANCE_WEIGHT ?? 1,
      },
      logger,
      sources: { load, traffic, dependencies: () => dependencies.reports() },
      whenReady: membership?.identity.ready,
    });
    closing.push(registration.leave);

    const consumers = await startConsumers<Tables>({
      service: name,
      nats,
      // One instance consumes at a time: two would share out the events of one aggregate and lose their order.
      pool: databases.workerPool,
      withTenant: databases.withTenant,
      tracer: tracing,
      subscriptions: app.subscriptions,
      onError: (error, event) =>
        logger.error(
          { err: error, event: event?.type, eventId: event?.id, tenantId: event?.tenantid },
          'event not handled',
        ),
      ...(definition.redeliveryDelaysMs === undefined ? {} : { redeliveryDelaysMs: definition.redeliveryDelaysMs }),
    });
    closing.push(consumers.stop);
    const handlers = {
      ...app.due,
      [IDEMPOTENCY_PRUNING]: pruneIdempotencyKeys(databases.withTenant as Databases<unknown>['withTenant']),
    };
    for (const { name: database, worker } of databases.placed) {
      const ticker = startTicker({
        committed: databases.committed,
        worker,
        clock,
        tracer: tracing,
        handlers,
        onError: (error, kind) =>
          logger.error({ err: error, kind, database }, 'due work failed; it will be tried again'),
      });
      closing.push(ticker.stop);
      const pruner = startInboxPruner({
        worker,
        clock,
        onError: (error) =>
          logger.warn({ err: error, database }, 'the inbox was not pruned; it will be tried again in an hour'),
      });
      closing.push(pruner.stop);
    }
    // First of all nobody new is sent here. The record, and the key in it, stay for the calls that are still made.
    closing.push(registration.drain);
    logger.info({ url }, 'ready');
    return { url, instanceId, close: () => closing.close() };
  } catch (error) {
    // What hindered the start is worth more than what then could not be closed.
    await closing.close().catch((cause: unknown) => logger.warn({ err: cause }, 'not everything could be closed'));
    throw error;
  }
}

const openServiceDatabases = <Tables>(
  service: string,
  configuration: ServiceConfiguration,
  clock: Clock,
  logger: Logger,
): Databases<Tables> =>
  openDatabases<Tables>({
    service,
    databaseUrl: configuration.DATABASE_URL,
    redisUrl: configuration.REDIS_URL,
    clickhouseUrl: configuration.CLICKHOUSE_URL,
    masterKey: configuration.TENANTRY_MASTER_KEY,
    dataDir: configuration.TENANTRY_DATA_DIR,
    vault: vaultSettingsOf(configuration),
    namespace: configuration.TENANTRY_NAMESPACE,
    clock,
    traceparent: currentTraceparent,
    placement: { databases: configuration.TENANT_DATABASES ?? '', placements: configuration.TENANT_PLACEMENTS ?? '' },
    onError: (engine, error) => logger.warn({ err: error, engine }, 'a connection was lost'),
  });

async function openDoor<Tables>(options: {
  name: string;
  instanceId: string;
  localDoors: LocalDoors | undefined;
  configuration: ServiceConfiguration;
  databases: Databases<Tables>;
  discovery: Discovery;
  membership: MeshMembership | null;
  linkCounts: LinkCounts;
  app: ServiceApp<Tables>;
  load: LoadMeter;
  health: NonNullable<AnsweringOptions['health']>;
  tracing: Tracing;
  logger: Logger;
  closing: CloseStack;
}): Promise<{ readonly url: string; readonly meshUrl: string | null }> {
  const { configuration, databases, membership } = options;
  const letters = deadLetterRoutes({
    service: options.name,
    databases: databases as Pick<Databases<unknown>, 'withTenant' | 'lookups'>,
    handledTypes: new Set(hearingsOf(options.app.subscriptions).keys()),
  });
  const routes = [...options.app.routes, ...letters];
  const counts = new MeshDoorCounts();
  const answering = new Answering({
    service: options.name,
    routes,
    authenticate: authenticateByPassport(options.discovery),
    idempotency: {
      withTenant: databases.withTenant as Databases<unknown>['withTenant'],
      fingerprintKeys: deriveKeys(configuration.TENANTRY_MASTER_KEY, 'idempotency-fingerprint'),
      pruning: createPruningSchedule(),
    },
    // The door opens last: whoever can ask finds all that has to be there from the beginning.
    isReady: async () => true,
    health: options.health,
    databases,
    load: options.load,
    tracing: options.tracing,
    doorCounts: counts,
    linkCounts: options.linkCounts,
    logger: options.logger,
  });
  if (options.localDoors !== undefined)
    options.closing.push(openLocalDoor(options.localDoors, options.instanceId, answering, options.logger, counts));
  const server = createHttpServer(answering);
  options.closing.push(() => server.close());
  const url = await server.listen({ host: configuration.HOST, port: configuration.PORT });
  if (membership === null) return { url, meshUrl: null };
  const door = await openMeshDoor({
    identity: membership.identity,
    callers: callersOf(routes.map(({ endpoint }) => endpoint)),
    http: server.server,
    onLink: createLinkDoor(answering, options.logger, counts),
    counts,
    logger: options.logger,
    host: configuration.HOST,
    port: configuration.MESH_PORT,
  });
  options.closing.push(door.close);
  return { url, meshUrl: door.url };
}
