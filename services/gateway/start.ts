import { runService } from '@tenantry/kit/lifecycle/run-service.ts';
import { openGateway } from './app.ts';
import { gatewayConfiguration } from './config.ts';

await runService(gatewayConfiguration, openGateway);
