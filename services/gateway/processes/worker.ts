import { openGateway, type RunningGateway } from '../app.ts';
import type { GatewayConfiguration } from '../config.ts';
import { joinClusterMetrics } from './cluster-metrics.ts';
import { tellClusterVitals } from './cluster-vitals.ts';
import { INSTANCE_ID_VARIABLE } from './primary.ts';
import type { WorkerMessage } from './worker-process.ts';

/** One of the processes of a gateway: the whole data path; the primary registers it and replaces it. */
export async function openWorker(configuration: GatewayConfiguration): Promise<RunningGateway> {
  const tell = (message: WorkerMessage): void => void process.send?.(message);
  const gateway = await openGateway(configuration, {
    instanceId: process.env[INSTANCE_ID_VARIABLE] ?? '',
    readMetrics: joinClusterMetrics,
    tellVitals: tellClusterVitals,
  });
  tell({ type: 'open', url: gateway.url });
  void gateway.ready.then(() => tell({ type: 'ready' }));
  return gateway;
}
