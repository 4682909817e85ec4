import { runProcess } from '@tenantry/kit/lifecycle/process.ts';
import { openBilling } from './app.ts';
import { readBillingConfiguration } from './config.ts';

await runProcess(() => openBilling(readBillingConfiguration()));
