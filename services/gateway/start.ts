import { runProcess } from '@tenantry/kit/lifecycle/process.ts';
import { openGateway } from './app.ts';
import { readGatewayConfiguration } from './config.ts';

await runProcess(async () => openGateway(readGatewayConfiguration(process.env)));
