import { runProcess } from '@tenantry/kit/lifecycle/process.ts';
import { openHub } from './app.ts';
import { readHubConfiguration } from './config.ts';

await runProcess(async () => openHub(readHubConfiguration(process.env)));
