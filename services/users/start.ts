import { runProcess } from '@tenantry/kit/lifecycle/process.ts';
import { openUsers } from './app.ts';
import { readUsersConfiguration } from './config.ts';

await runProcess(() => openUsers(readUsersConfiguration()));
