import { runService } from '@tenantry/kit/lifecycle/run-service.ts';
import { openHub } from './app.ts';
import { hubConfiguration } from './config.ts';

await runService(hubConfiguration, openHub);
