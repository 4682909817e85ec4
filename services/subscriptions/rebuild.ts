import { runRebuild } from '@tenantry/kit/lifecycle/run-rebuild.ts';
import { rebuildSubscriptions } from './use-cases/rebuild-subscriptions.ts';

await runRebuild('subscriptions', rebuildSubscriptions);
