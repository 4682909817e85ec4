import { runProcess } from '@tenantry/kit/lifecycle/process.ts';
import { openSubscriptions } from './app.ts';
import { readSubscriptionsConfiguration } from './config.ts';

await runProcess(() => openSubscriptions(readSubscriptionsConfiguration()));
