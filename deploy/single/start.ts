import { runProcess } from '@tenantry/kit/lifecycle/process.ts';
import { openSingle } from './open-single.ts';
import { printSingle } from './print-single.ts';

if (process.argv.includes('--print-config')) printSingle(process.env);
else await runProcess(() => openSingle(process.env));
