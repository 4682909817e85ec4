import { runService } from '@tenantry/kit/lifecycle/run-service.ts';
import { openPayments } from './app.ts';
import { paymentsConfiguration } from './config.ts';

await runService(paymentsConfiguration, openPayments);
