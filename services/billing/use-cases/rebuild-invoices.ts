import type { TenantId } from '@tenantry/kernel/id.ts';
import { listInvoiceIds, loadInvoice, writeInvoice } from '../store/invoices.ts';
import type { BillingDeps } from './deps.ts';

/** Writes the read table of a tenant anew out of its streams, each invoice in a transaction of its own. */
export const rebuildInvoices =
  ({ databases }: Pick<BillingDeps, 'databases'>) =>
  async (tenantId: TenantId): Promise<number> => {
    const ids = await databases.withTenant.read(tenantId, listInvoiceIds);
    for (const id of ids) {
      await databases.withTenant(tenantId, async (uow) => {
        const loaded = await loadInvoice(uow, id);
        if (loaded !== null) await writeInvoice(uow, loaded.invoice, loaded.version);
      });
    }
    return ids.length;
  };
