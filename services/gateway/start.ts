import cluster from 'node:cluster';
import { runProcess } from '@tenantry/kit/lifecycle/process.ts';
import { openGateway } from './app.ts';
import { readGatewayConfiguration } from './config.ts';
import { joinClusterMetrics } from './processes/cluster-metrics.ts';
import { INSTANCE_ID_VARIABLE, openPrimary } from './processes/primary.ts';
import type { WorkerMessage } from './processes/worker-process.ts';

const tell = (message: WorkerMessage): void => void process.send?.(message);

await runProcess(async () => {
  const configuration = readGatewayConfiguration(process.env);
  if (cluster.isPrimary) return openPrimary(configuration);
  const gateway = await openGateway(configuration, {
    instanceId: process.env[INSTANCE_ID_VARIABLE] ?? '',
    readMetrics: joinClusterMetrics,
  });
  tell({ type: 'open', url: gateway.url });
  void gateway.ready.then(() => tell({ type: 'ready' }));
  return gateway;
});
