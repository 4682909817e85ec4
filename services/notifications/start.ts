import { runProcess } from '@tenantry/kit/lifecycle/process.ts';
import { openNotifications } from './app.ts';
import { readNotificationsConfiguration } from './config.ts';

await runProcess(() => openNotifications(readNotificationsConfiguration()));
