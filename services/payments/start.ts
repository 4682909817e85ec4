import { runProcess } from '@tenantry/kit/lifecycle/process.ts';
import { openPayments } from './app.ts';
import { readPaymentsConfiguration } from './config.ts';

await runProcess(() => openPayments(readPaymentsConfiguration()));
