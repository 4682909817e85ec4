import cluster from 'node:cluster';
import { runService } from '@tenantry/kit/lifecycle/run-service.ts';
import { gatewayConfiguration } from './config.ts';
import { openPrimary } from './processes/primary.ts';
import { openWorker } from './processes/worker.ts';

await runService(gatewayConfiguration, cluster.isPrimary ? openPrimary : openWorker);
