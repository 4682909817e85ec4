import { newUuid } from '@tenantry/kernel/id.ts';
import { ConfigurationError } from '@tenantry/kit/configuration.ts';
import { pinHub } from '@tenantry/kit/lifecycle/pin-hub.ts';
import { createLogger } from '@tenantry/kit/logger.ts';
import { rootsInSnapshot } from '@tenantry/mesh/identity/trust.ts';
import type { GatewayConfiguration } from '../config.ts';
import { registerGateway } from '../register-gateway.ts';
import { serveClusterMetrics } from './cluster-metrics.ts';
import { mergeClusterVitals } from './cluster-vitals.ts';
import { WorkerPool } from './worker-pool.ts';

/** How the workers learn whom they belong to. */
export const INSTANCE_ID_VARIABLE = 'TENANTRY_GATEWAY_INSTANCE';

/**
 * One gateway: an address, an entry in the registry, and the processes that do its work. SIGHUP replaces them one after
 * another without losing a request; one that dies is replaced while the others, or the waiting connections, go on.
 */
export async function openPrimary(configuration: GatewayConfiguration): Promise<{ close: () => Promise<void> }> {
  const instanceId = `gateway-${newUuid()}`;
  const logger = createLogger({ service: 'gateway', instanceId, level: configuration.LOG_LEVEL });
  serveClusterMetrics();
  const sources = mergeClusterVitals();
  const pool = new WorkerPool({
    size: configuration.GATEWAY_PROCESSES,
    environment: { [INSTANCE_ID_VARIABLE]: instanceId },
    logger,
  });
  const url = await pool.open;
  if (url === null) {
    await pool.close();
    throw new ConfigurationError('The gateway could not start; its process has said why.');
  }
  const pinned = pinHub(configuration);
  // Its workers hear of other roots, and write them down.
  const snapshot = `${configuration.TENANTRY_DATA_DIR}/snapshots/gateway-trust.json`;
  pinned?.follow({ roots: () => rootsInSnapshot(snapshot), isRevoked: () => false });
  const registration = registerGateway(configuration, { instanceId, url, pinned, logger, sources });
  const restart = (): void => void pool.restart();
  process.on('SIGHUP', restart);
  return {
    close: async () => {
      process.off('SIGHUP', restart);
      await pool.close();
      // After the last request: until then this gateway counts among those that share the limits.
      await registration.leave();
    },
  };
}
