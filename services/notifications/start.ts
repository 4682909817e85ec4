import { runService } from '@tenantry/kit/lifecycle/run-service.ts';
import { openNotifications } from './app.ts';
import { notificationsConfiguration } from './config.ts';

await runService(notificationsConfiguration, openNotifications);
