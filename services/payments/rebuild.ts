import { runRebuild } from '@tenantry/kit/lifecycle/run-rebuild.ts';
import { rebuildPayments } from './use-cases/rebuild-payments.ts';

await runRebuild('payments', rebuildPayments);
