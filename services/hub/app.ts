import { deriveClusterToken, deriveNatsToken } from '@tenantry/databases/credentials.ts';
import { connectNats, type Nats } from '@tenantry/events/nats.ts';
import { type Clock, systemClock } from '@tenantry/kernel/clock.ts';
import { newUuid } from '@tenantry/kernel/id.ts';
import { createHttpServer } from '@tenantry/kit/http/server.ts';
import { CloseStack } from '@tenantry/kit/lifecycle/close-stack.ts';
import { HEARTBEAT_MS } from '@tenantry/kit/lifecycle/registration.ts';
import { createLogger, type Logger } from '@tenantry/kit/logger.ts';
import type { HubConfiguration } from './config.ts';
import { authenticateByClusterToken } from './routes/cluster-token.ts';
import { healthRoutes } from './routes/health.ts';
import { registryRoutes } from './routes/registry.ts';
import { startSweeper } from './schedule/sweeper.ts';
import { openRegistryStore } from './store/registry-store.ts';
import { Registry } from './use-cases/registry.ts';

const MISSED_BEATS = 3;

export type RunningHub = { readonly url: string; readonly close: () => Promise<void> };

export async function openHub(
  configuration: HubConfiguration,
  overrides: { readonly clock?: Clock; readonly monotonicMs?: () => number } = {},
): Promise<RunningHub> {
  const instanceId = `hub-${newUuid()}`;
  const logger = createLogger({ service: 'hub', instanceId, level: configuration.LOG_LEVEL });
  const closing = new CloseStack();
  try {
    const nats = await connectNats({
      url: configuration.NATS_URL,
      name: instanceId,
      namespace: configuration.TENANTRY_NAMESPACE,
      token: deriveNatsToken(configuration.TENANTRY_MASTER_KEY),
    });
    closing.push(nats.close);
    const registry = new Registry({
      store: await openRegistryStore(nats),
      terms: { leaseMs: MISSED_BEATS * HEARTBEAT_MS, heartbeatMs: HEARTBEAT_MS },
      clock: overrides.clock ?? systemClock,
      monotonicMs: overrides.monotonicMs ?? (() => performance.now()),
      logger,
    });
    await registry.restore();
    reconcileAfterReconnection(nats, registry, logger);
    const server = createHttpServer({
      service: 'hub',
      routes: [...registryRoutes(registry), ...healthRoutes(registry)],
      authenticate: authenticateByClusterToken(deriveClusterToken(configuration.TENANTRY_MASTER_KEY)),
      idempotency: null,
      isReady: async () => !nats.connection.isClosed(),
      logger,
    });
    closing.push(() => server.close());
    const url = await server.listen({ host: configuration.HOST, port: configuration.PORT });
    const sweeper = startSweeper(registry, logger);
    closing.push(sweeper.stop);
    logger.info({ url, instances: registry.records.length }, 'ready');
    return { url, close: () => closing.close() };
  } catch (error) {
    await closing.close();
    throw error;
  }
}

/** NATS may have come back with less than it had. */
function reconcileAfterReconnection(nats: Nats, registry: Registry, logger: Logger): void {
  void (async () => {
    for await (const status of nats.connection.status()) {
      if (status.type !== 'reconnect') continue;
      await registry
        .reconcile()
        .catch((error: unknown) => logger.warn({ err: error }, 'the registry could not be compared with its bucket'));
    }
  })();
}
