import { runService } from '@tenantry/kit/lifecycle/run-service.ts';
import { openSubscriptions } from './app.ts';
import { subscriptionsConfiguration } from './config.ts';

await runService(subscriptionsConfiguration, openSubscriptions);
