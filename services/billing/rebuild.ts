import { runRebuild } from '@tenantry/kit/lifecycle/run-rebuild.ts';
import { rebuildInvoices } from './use-cases/rebuild-invoices.ts';

await runRebuild('billing', rebuildInvoices);
