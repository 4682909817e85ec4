import { REVOCATIONS_BUCKET, type Revocation } from '@tenantry/auth/buckets.ts';
import { deriveKeys, deriveNatsToken } from '@tenantry/databases/credentials.ts';
import { createRedis } from '@tenantry/databases/redis.ts';
import { connectNats } from '@tenantry/events/nats.ts';
import { describeFeatures } from '@tenantry/events/nats-features.ts';
import { watchState } from '@tenantry/events/pushed-state.ts';
import { newUuid, type SessionId } from '@tenantry/kernel/id.ts';
import { Dependencies } from '@tenantry/kit/health/dependencies.ts';
import { createServiceProbe } from '@tenantry/kit/health/service-probe.ts';
import { registerDependencyMetrics } from '@tenantry/kit/http/dependency-metrics.ts';
import { createHttpMetrics } from '@tenantry/kit/http/metrics.ts';
import { CloseStack } from '@tenantry/kit/lifecycle/close-stack.ts';
import type { HeartbeatSources } from '@tenantry/kit/lifecycle/heartbeat.ts';
import { instanceKey } from '@tenantry/kit/lifecycle/instance-key.ts';
import { certificateFromHub, joinMesh, type MeshMembership } from '@tenantry/kit/lifecycle/join-mesh.ts';
import { LoadMeter } from '@tenantry/kit/lifecycle/load-meter.ts';
import { registerMeshLinkMetrics } from '@tenantry/kit/lifecycle/mesh-link-metrics.ts';
import { openMeshLinks } from '@tenantry/kit/lifecycle/open-mesh-links.ts';
import { pinHub } from '@tenantry/kit/lifecycle/pin-hub.ts';
import { createLogger, gatheredOutput, type Logger, type LogOutput } from '@tenantry/kit/logger.ts';
import { openTenantConfigurations } from '@tenantry/kit/tenants/configurations.ts';
import { openTenantDirectory } from '@tenantry/kit/tenants/directory.ts';
import { registerTraceMetrics } from '@tenantry/kit/tracing/trace-metrics.ts';
import { Tracing } from '@tenantry/kit/tracing/tracing.ts';
import { createMesh } from '@tenantry/mesh/client.ts';
import { openDiscovery } from '@tenantry/mesh/discovery.ts';
import { EdgeTraffic } from '@tenantry/mesh/edge-traffic.ts';
import { LinkCounts } from '@tenantry/mesh/links/link-counts.ts';
import type { LocalDoors } from '@tenantry/mesh/local-doors.ts';
import type { Registry } from 'prom-client';
import { createAuthenticate } from './access/authenticate.ts';
import { createCheckTenant, isShut } from './access/check-tenant.ts';
import { createPassports } from './access/passports.ts';
import { createRecheck } from './access/recheck.ts';
import { openTokenKeys } from './access/token-keys.ts';
import { createAccessLog } from './access-log.ts';
import { baseConfiguration } from './base-configuration.ts';
import { allowedNetworksOf, type GatewayConfiguration, unregisteredDoors } from './config.ts';
import { countLoad } from './count-load.ts';
import { countProcesses } from './count-processes.ts';
import { deadLetterEndpoints } from './dead-letters/dead-letter-endpoints.ts';
import { headersOfEveryAnswer } from './edge/answer-headers.ts';
import { Cors } from './edge/cors.ts';
import { Door } from './edge/door.ts';
import { PaceKeeper } from './edge/pace-keeper.ts';
import { createClientAddress, parseNetworks } from './edge/trusted-proxies.ts';
import { eventFeedRoute } from './feed/event-feed.ts';
import { createLimits } from './limits/limits.ts';
import { whenConnected } from './limits/rate-limiters.ts';
import { createEventStreams } from './live/event-streams.ts';
import { LiveConnections } from './live/live-connections.ts';
import { createLiveLimits } from './live/live-limits.ts';
import { LiveSessions } from './live/live-sessions.ts';
import { Admission } from './overload/admission.ts';
import { registerOverloadMetrics } from './overload/overload-metrics.ts';
import { createAnswerOnce } from './own/answer-once.ts';
import { createApiDescription } from './own/api-description.ts';
import { createDocumentation } from './own/documentation.ts';
import { watchExpectedServices } from './own/expected-services.ts';
import { watchGatewayStores } from './own/gateway-dependencies.ts';
import { type OwnAnswers, ownRoutes } from './own/own-routes.ts';
import { watchReadiness } from './own/readiness.ts';
import { createSystemHealth } from './own/system-health.ts';
import { Pipeline } from './pipeline.ts';
import { openProducts } from './products/open-products.ts';
import { registerGateway } from './register-gateway.ts';
import { Routes } from './routing/routes.ts';
import { createExchangeTrace } from './traces/exchange-trace.ts';
import { traceEndpoint } from './traces/trace-endpoint.ts';
import { createForward } from './upstreams/forward.ts';
import { Upstreams } from './upstreams/upstreams.ts';
import { createServiceDestination } from './websocket/service-destination.ts';
import { WebSockets } from './websocket/web-sockets.ts';

/** For how long an instance that came, or came back, gets less than its share while its peers take the rest. */
const SLOW_START_MS = 2_000;
/** For the first connection. */
const NATS_PATIENCE_MS = 3_000;

export type RunningGateway = {
  readonly url: string;
  readonly instanceId: string;
  /** Resolves when every required service has been ready once. */
  readonly ready: Promise<void>;
  readonly close: () => Promise<void>;
};

/** For a process that is one of several of a gateway: its primary registers, under this id, for all of them. */
export type Membership = {
  readonly instanceId: string;
  readonly readMetrics: (own: Registry) => () => Promise<string>;
  readonly tellVitals: (own: Required<HeartbeatSources>) => { readonly stop: () => void };
};

/**
 * Opens the door last, when everything behind it stands; closes it first, and lets what is under way finish.
 * @param localDoors of the services that live in this process with it
 */
export async function openGateway(
  configuration: GatewayConfiguration,
  membership: Membership | null = null,
  localDoors: LocalDoors | null = null,
): Promise<RunningGateway> {
  const instanceId = membership?.instanceId ?? `gateway-${newUuid()}`;
  const output = gatheredOutput();
  const logger = createLogger({ service: 'gateway', instanceId, level: configuration.LOG_LEVEL, output });
  const closing = new CloseStack();
  try {
    return await open(configuration, { instanceId, membership, localDoors }, { logger, output }, closing);
  } catch (error) {
    await closing.close();
    throw error;
  }
}

type Place = {
  readonly instanceId: string;
  readonly membership: Membership | null;
  readonly localDoors: LocalDoors | null;
};

async function open(
  configuration: GatewayConfiguration,
  { instanceId, membership, localDoors }: Place,
  { logger, output }: { readonly logger: Logger; readonly output: LogOutput },
  closing: CloseStack,
): Promise<RunningGateway> {
  const tracing = new Tracing({ service: 'gateway', instanceId, configuration, logger });
  closing.push(() => tracing.close());
  const { TENANTRY_NAMESPACE: namespace, REQUEST_DEADLINE_MS: requestDeadlineMs } = configuration;
  const nats = await connectNats({
    url: configuration.NATS_URL,
    name: instanceId,
    namespace,
    token: deriveNatsToken(configuration.TENANTRY_MASTER_KEY),
    // Then it opens with what it remembers: a door that is shut helps nobody.
    patienceMs: NATS_PATIENCE_MS,
    onServer: (features) => logger.info(describeFeatures(features)),
    onError: (error) =>
      logger.warn({ err: error }, 'NATS cannot be reached yet: until it can, the snapshots have to do'),
  });
  closing.push(nats.close);
  const snapshot = (name: string): string => `${configuration.TENANTRY_DATA_DIR}/snapshots/gateway-${name}.json`;
  const discovery = await openDiscovery(nats, {
    snapshotFile: snapshot('registry'),
    keyOf: (issuer) => instanceKey(configuration.TENANTRY_MASTER_KEY, issuer).publicKey,
  });
  closing.push(discovery.close);
  const signingKey = instanceKey(configuration.TENANTRY_MASTER_KEY, instanceId);
  let house: MeshMembership | null = null;
  const dependencies = new Dependencies(
    logger,
    createServiceProbe(discovery, () => house?.identity ?? null),
  );
  closing.push(async () => dependencies.close());
  const traffic = new EdgeTraffic();
  const pinned = pinHub(configuration);
  house = await joinMesh({
    settings: configuration,
    service: 'gateway',
    instanceId,
    nats,
    dependencies,
    request: certificateFromHub({
      hubUrl: configuration.HUB_URL,
      pinned,
      masterKey: configuration.TENANTRY_MASTER_KEY,
      service: 'gateway',
      instanceId,
    }),
    pinned,
    logger,
  });
  if (house !== null) closing.push(house.close);
  const identity = house?.identity ?? null;
  const linkCounts = new LinkCounts();
  const links = openMeshLinks(identity, discovery, linkCounts, logger);
  if (links !== null) closing.push(links.close);
  const targets = localDoors?.targetsFor({ service: 'gateway', instanceId }, links) ?? links;
  const mesh = createMesh({
    service: 'gateway',
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
  const tenants = await openTenantDirectory(nats, mesh, { snapshotFile: snapshot('tenants') });
  closing.push(tenants.close);
  const keys = await openTokenKeys(nats, { snapshotFile: snapshot('keys') });
  closing.push(keys.close);
  const revocations = await watchState<Revocation>(nats, {
    ...REVOCATIONS_BUCKET,
    snapshotFile: snapshot('revocations'),
    // A second of silence is a matter of security here, so it has to be noticed within that second.
    checkEveryMs: 250,
  });
  closing.push(revocations.close);
  const configurations = await openTenantConfigurations(nats, {
    base: baseConfiguration(configuration),
    snapshotFile: snapshot('configuration'),
  });
  closing.push(configurations.close);
  const redis = createRedis({
    url: configuration.REDIS_URL,
    namespace,
    onError: (error) => logger.warn({ err: error }, 'Redis is away: rate limits are counted here'),
  });
  closing.push(async () => redis.disconnect());
  await whenConnected(redis);

  const storeChecks = watchGatewayStores(dependencies, { nats, redis });
  closing.push(async () => storeChecks.stop());

  const upstreams = new Upstreams({
    discovery,
    identity,
    targets,
    balancing: configuration.SERVICE_BALANCING,
    slowStartMs: SLOW_START_MS,
    traffic,
    monitorOf: (service) => dependencies.ofService(service),
    onBreaker: ({ service, instanceId: to }, transition) =>
      dependencies.breakerMoved(service, transition, { instanceId: to }),
  });
  closing.push(() => upstreams.close());
  const metrics = createHttpMetrics('gateway');
  registerDependencyMetrics(metrics.registry, dependencies);
  registerTraceMetrics(metrics.registry, tracing);
  registerMeshLinkMetrics(metrics.registry, linkCounts);
  const processes = (): number => countProcesses(discovery, configuration.GATEWAY_PROCESSES);
  const limits = createLimits({
    configuration,
    configurations,
    redis,
    gateways: processes,
    metrics,
  });
  const live = new LiveConnections({
    redis,
    limitsOf: createLiveLimits(baseConfiguration(configuration), configurations),
    processes,
  });
  closing.push(() => live.close());
  live.counts.register(metrics);
  const admission = new Admission({
    maxInFlight: configuration.MAX_IN_FLIGHT,
    weightOf: ({ verified }) => (verified === null ? 1 : configurations.of(verified.claims.tenantId).weight),
  });
  closing.push(async () => admission.close());
  registerOverloadMetrics(metrics, admission);
  const load = new LoadMeter({ inFlight: () => admission.inFlight });
  closing.push(async () => load.close());
  const vitals = { load, traffic, dependencies: () => dependencies.reports() };
  const required = configuration.REQUIRED_SERVICES.split(',').filter((name) => name !== '');
  let own: OwnAnswers | null = null;
  const passportFor = createPassports(signingKey, requestDeadlineMs);
  const answerOnce = createAnswerOnce(nats, deriveKeys(configuration.TENANTRY_MASTER_KEY, 'gateway:idempotency'));
  const products = await openProducts({
    answerOnce,
    nats,
    discovery,
    mesh,
    tenants,
    planOf: configurations.planOf,
    signingKey,
    masterKey: configuration.TENANTRY_MASTER_KEY,
    passportFor,
    snapshotFile: snapshot,
    usesFolder: `${configuration.TENANTRY_DATA_DIR}/uses`,
    publicUrl: configuration.PUBLIC_URL,
    allowedNetworks: allowedNetworksOf(configuration),
    doorUrls: unregisteredDoors(configuration),
    fail: (exchange, error) => pipeline.fail(exchange, error),
    logger,
  });
  closing.push(products.close);
  const expectedServices = watchExpectedServices(discovery, required);
  const routes = new Routes(
    discovery,
    [
      ...ownRoutes(() => {
        if (own === null) throw new Error('The gateway answers before it is open.');
        return own;
      }),
      ...products.ownRoutes,
      ...deadLetterEndpoints({ mesh, services: expectedServices, answerOnce }),
      traceEndpoint(tracing.store),
      eventFeedRoute({ nats, heartbeatMs: configuration.EVENT_FEED_HEARTBEAT_MS, logger }),
    ],
    logger,
  );

  const cors = new Cors(configurations);
  const sessions = new LiveSessions({
    isRevoked: (sessionId) => revocations.get(sessionId) !== undefined,
    isSuspended: (tenantId) => isShut(tenants.peek(tenantId)),
  });
  revocations.onChange((sessionId) => sessions.sessionChanged(sessionId as SessionId));
  tenants.onChange((tenantId) => sessions.tenantChanged(tenantId));
  const webSockets = new WebSockets({
    toService: createServiceDestination({ upstreams, passportFor }),
    live,
    sessions,
    cors,
    publicUrl: configuration.PUBLIC_URL,
    maxMessageBytes: configuration.WEBSOCKET_MAX_MESSAGE_BYTES,
    pingIntervalMs: configuration.WEBSOCKET_PING_MS,
    idleTimeoutMs: configuration.WEBSOCKET_IDLE_MS,
  });
  closing.push(async () => webSockets.close());
  const paces = new PaceKeeper({
    requestTimeoutMs: configuration.REQUEST_TIMEOUT_MS,
    stallTimeoutMs: configuration.STALL_TIMEOUT_MS,
  });
  closing.push(async () => paces.close());
  const everyAnswer = headersOfEveryAnswer(configuration.PUBLIC_URL);

  const pipeline: Pipeline = new Pipeline({
    table: () => routes.table,
    products: products.table,
    knowsAllRoutes: () => discovery.isKnown() && required.every((service) => routes.services.includes(service)),
    authenticate: createAuthenticate({
      issuer: configuration.PUBLIC_URL,
      keys,
      isRevoked: (sessionId) => revocations.get(sessionId) !== undefined,
      feedSilentForMs: revocations.silentForMs,
      confirmFeed: revocations.confirm,
      recheck: createRecheck(mesh),
      failures: limits.failures,
    }),
    checkTenant: createCheckTenant(tenants),
    limitRate: limits.limitRate,
    failures: limits.failures,
    admission,
    forward: createForward({
      upstreams,
      requestDeadlineMs,
      passportFor,
      fail: (exchange, error) => pipeline.fail(exchange, error),
    }),
    cors,
    webSockets,
    paces,
    everyAnswer,
    clientAddressOf: createClientAddress(parseNetworks(configuration.TRUSTED_PROXIES)),
    eventStreams: createEventStreams({ live, sessions }),
    tracing,
    onOver: countLoad(
      load,
      createExchangeTrace(tracing),
      createAccessLog({ instanceId, metrics, output: logger.isLevelEnabled('info') ? output : null }),
    ),
    logger,
  });
  // Left only when the last request is through: services look up the passports' key in the registry.
  let leave = async (): Promise<void> => undefined;
  closing.push(() => leave());
  const telling = membership?.tellVitals(vitals);
  closing.push(async () => telling?.stop());
  const door = new Door({
    headersTimeoutMs: configuration.HEADERS_TIMEOUT_MS,
    drainGraceMs: configuration.DRAIN_GRACE_MS,
    everyAnswer,
    onRequest: pipeline.receive,
    onWebSocket: pipeline.receiveWebSocket,
    onDrain: () => sessions.drain(),
  });
  closing.push(() => door.drain(configuration.DRAIN_DEADLINE_MS));
  // Whoever is let in must find a way on.
  await house?.settled;
  const url = await door.listen({ host: configuration.HOST, port: configuration.PORT });
  if (membership === null)
    leave = registerGateway(configuration, { instanceId, url, pinned, logger, sources: vitals }).leave;
  const readiness = watchReadiness({ required, upstreams, logger });
  closing.push(readiness.close);
  const isInformed = (): boolean => discovery.isKnown() && keys.isKnown();
  own = {
    isReady: () => readiness.isReady() && isInformed(),
    missing: () => [...(isInformed() ? [] : ['nats']), ...readiness.missing()],
    // Not the rest of what is known: this is asked by anybody.
    degradedModes: () => dependencies.readiness().degradedModes,
    metrics: {
      contentType: metrics.registry.contentType,
      read: membership?.readMetrics(metrics.registry) ?? (() => metrics.registry.metrics()),
    },
    systemHealth: createSystemHealth(upstreams, expectedServices),
    apiDescription: createApiDescription(routes, configuration.PUBLIC_URL),
    documentation: createDocumentation(),
  };
  logger.info({ url }, 'open');
  return { url, instanceId, ready: readiness.ready, close: () => closing.close() };
}
