import { REVOCATIONS_BUCKET, type Revocation } from '@tenantry/auth/buckets.ts';
import { generateSigningKey, toPublicJwk } from '@tenantry/auth/jws.ts';
import { deriveNatsToken } from '@tenantry/databases/credentials.ts';
import { createRedis } from '@tenantry/databases/redis.ts';
import { connectNats } from '@tenantry/events/nats.ts';
import { watchState } from '@tenantry/events/pushed-state.ts';
import { newUuid } from '@tenantry/kernel/id.ts';
import { createHttpMetrics } from '@tenantry/kit/http/metrics.ts';
import { CloseStack } from '@tenantry/kit/lifecycle/close-stack.ts';
import { registerWithHub } from '@tenantry/kit/lifecycle/registration.ts';
import { createLogger, gatheredOutput, type Logger, type LogOutput } from '@tenantry/kit/logger.ts';
import { openTenantDirectory } from '@tenantry/kit/tenants/directory.ts';
import { createMesh } from '@tenantry/mesh/client.ts';
import { type Discovery, openDiscovery } from '@tenantry/mesh/discovery.ts';
import { createAuthenticate } from './access/authenticate.ts';
import { createCheckTenant } from './access/check-tenant.ts';
import { createPassports } from './access/passports.ts';
import { openTokenKeys } from './access/token-keys.ts';
import { createAccessLog } from './access-log.ts';
import type { GatewayConfiguration } from './config.ts';
import { Door } from './edge/door.ts';
import { createLimitRate } from './limits/limit-rate.ts';
import { createRateLimiters, whenConnected } from './limits/rate-limiters.ts';
import { createApiDescription } from './own/api-description.ts';
import { createDocumentation } from './own/documentation.ts';
import { type OwnAnswers, ownRoutes } from './own/own-routes.ts';
import { watchReadiness } from './own/readiness.ts';
import { createSystemHealth } from './own/system-health.ts';
import { Pipeline } from './pipeline.ts';
import { Routes } from './routing/routes.ts';
import { createForward } from './upstreams/forward.ts';
import { Upstreams } from './upstreams/upstreams.ts';

export type RunningGateway = {
  readonly url: string;
  readonly instanceId: string;
  readonly close: () => Promise<void>;
};

/** Opens the door last, when everything behind it stands; closes it first, and lets what is under way finish. */
export async function openGateway(configuration: GatewayConfiguration): Promise<RunningGateway> {
  const instanceId = `gateway-${newUuid()}`;
  const output = gatheredOutput();
  const logger = createLogger({ service: 'gateway', instanceId, level: configuration.LOG_LEVEL, output });
  const closing = new CloseStack();
  try {
    return await open(configuration, instanceId, { logger, output }, closing);
  } catch (error) {
    await closing.close();
    throw error;
  }
}

async function open(
  configuration: GatewayConfiguration,
  instanceId: string,
  { logger, output }: { readonly logger: Logger; readonly output: LogOutput },
  closing: CloseStack,
): Promise<RunningGateway> {
  const { TENANTRY_NAMESPACE: namespace, REQUEST_DEADLINE_MS: requestDeadlineMs } = configuration;
  const nats = await connectNats({
    url: configuration.NATS_URL,
    name: instanceId,
    namespace,
    token: deriveNatsToken(configuration.TENANTRY_MASTER_KEY),
  });
  closing.push(nats.close);
  const snapshot = (name: string): string => `${configuration.TENANTRY_DATA_DIR}/snapshots/gateway-${name}.json`;
  const discovery = await openDiscovery(nats, { snapshotFile: snapshot('registry') });
  closing.push(discovery.close);
  const signingKey = generateSigningKey(instanceId);
  const mesh = createMesh({ service: 'gateway', signingKey, discovery });
  closing.push(mesh.close);
  const tenants = await openTenantDirectory(nats, mesh, { snapshotFile: snapshot('tenants') });
  closing.push(tenants.close);
  const keys = await openTokenKeys(nats, { snapshotFile: snapshot('keys') });
  closing.push(keys.close);
  const revocations = await watchState<Revocation>(nats, {
    ...REVOCATIONS_BUCKET,
    snapshotFile: snapshot('revocations'),
  });
  closing.push(revocations.close);
  const redis = createRedis({
    url: configuration.REDIS_URL,
    namespace,
    onError: (error) => logger.warn({ err: error }, 'Redis is away: rate limits are counted here'),
  });
  closing.push(async () => redis.disconnect());
  await whenConnected(redis);

  const upstreams = new Upstreams({ discovery });
  closing.push(() => upstreams.close());
  const metrics = createHttpMetrics('gateway');
  const required = configuration.REQUIRED_SERVICES.split(',').filter((name) => name !== '');
  let own: OwnAnswers | null = null;
  const routes = new Routes(
    discovery,
    ownRoutes(() => {
      if (own === null) throw new Error('The gateway answers before it is open.');
      return own;
    }),
    logger,
  );

  const pipeline: Pipeline = new Pipeline({
    table: () => routes.table,
    knowsAllRoutes: () => required.every((service) => routes.services.includes(service)),
    authenticate: createAuthenticate({
      issuer: configuration.PUBLIC_URL,
      keys,
      isRevoked: (sessionId) => revocations.get(sessionId) !== undefined,
    }),
    checkTenant: createCheckTenant(tenants),
    limitRate: createLimitRate(createRateLimiters(configuration, redis, () => countGateways(discovery))),
    forward: createForward({
      upstreams,
      requestDeadlineMs,
      passportFor: createPassports(signingKey, requestDeadlineMs),
      fail: (exchange, error) => pipeline.fail(exchange, error),
    }),
    onOver: createAccessLog({ instanceId, metrics, output: logger.isLevelEnabled('info') ? output : null }),
    logger,
  });
  // Left only when the last request is through: services look up the passports' key in the registry.
  let leave = async (): Promise<void> => undefined;
  closing.push(() => leave());
  const door = new Door({
    headersTimeoutMs: configuration.HEADERS_TIMEOUT_MS,
    requestTimeoutMs: configuration.REQUEST_TIMEOUT_MS,
    onRequest: pipeline.receive,
  });
  closing.push(() => door.drain(configuration.DRAIN_DEADLINE_MS));
  const url = await door.listen(configuration.HOST, configuration.PORT);
  const registration = registerWithHub({
    hubUrl: configuration.HUB_URL,
    masterKey: configuration.TENANTRY_MASTER_KEY,
    announcement: {
      instanceId,
      service: 'gateway',
      url,
      publicKey: toPublicJwk(signingKey.publicKey),
      endpoints: [],
    },
    logger,
  });
  leave = registration.leave;
  const readiness = watchReadiness({ required, upstreams, accepted: registration.accepted, logger });
  closing.push(readiness.close);
  own = {
    ...readiness,
    metrics,
    systemHealth: createSystemHealth(upstreams, () => [...new Set([...required, ...routes.services])].toSorted()),
    apiDescription: createApiDescription(routes, configuration.PUBLIC_URL),
    documentation: createDocumentation(),
  };
  logger.info({ url }, 'open');
  return { url, instanceId, close: () => closing.close() };
}

const countGateways = (discovery: Discovery): number => Math.max(1, discovery.instancesOf('gateway').length);
