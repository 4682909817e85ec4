import { runService } from '@tenantry/kit/lifecycle/run-service.ts';
import { openBilling } from './app.ts';
import { billingConfiguration } from './config.ts';

await runService(billingConfiguration, openBilling);
