import { type RebuildOptions, type Rebuilt, rebuildReadModel } from '@tenantry/events/rebuild-read-model.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import { invoiceReadModel } from '../store/invoices.ts';
import type { BillingDeps } from './deps.ts';

/** Writes the read table of a tenant anew out of its streams, beside whatever else goes on. */
export const rebuildInvoices =
  ({ databases }: Pick<BillingDeps, 'databases'>) =>
  (tenantId: TenantId, options?: RebuildOptions): Promise<Rebuilt> =>
    rebuildReadModel(databases.withTenant, tenantId, invoiceReadModel, options);
