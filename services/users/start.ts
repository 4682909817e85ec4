import { runService } from '@tenantry/kit/lifecycle/run-service.ts';
import { openUsers } from './app.ts';
import { usersConfiguration } from './config.ts';

await runService(usersConfiguration, openUsers);
