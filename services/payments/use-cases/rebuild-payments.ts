import type { TenantId } from '@tenantry/kernel/id.ts';
import { listPaymentStreams, loadPaymentForUpdate, writeRows } from '../store/payment-streams.ts';
import type { PaymentsDeps } from './payments-deps.ts';

/**
 * Writes every read row of a tenant's payments anew from its events, one payment at a time and under its lock, so it
 * can run beside everything else.
 * @returns how many payments there are
 */
export const rebuildPayments =
  ({ databases }: Pick<PaymentsDeps, 'databases'>) =>
  async (tenantId: TenantId): Promise<number> => {
    const ids = await databases.withTenant.read(tenantId, listPaymentStreams);
    for (const id of ids) {
      await databases.withTenant(tenantId, async (uow) => {
        const stream = await loadPaymentForUpdate(uow, id);
        if (stream !== null) await writeRows(uow, stream);
      });
    }
    return ids.length;
  };
