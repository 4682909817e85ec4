import { idFromUuid, type TenantId } from '@tenantry/kernel/id.ts';
import { isTransient } from '@tenantry/kernel/problem.ts';
import { askBilling } from './ask-billing.ts';
import type { SubscriptionsDeps } from './deps.ts';

/** Has billing give up an invoice whose subscription has ended. Tried again until billing has said what became of it. */
export const endAbandonedCollection =
  ({ mesh, logger }: Pick<SubscriptionsDeps, 'mesh' | 'logger'>) =>
  async (tenantId: TenantId, invoiceUuid: string): Promise<void> => {
    const invoiceId = idFromUuid('inv', invoiceUuid);
    const standing = await askBilling({ mesh }, tenantId, 'end-collection', invoiceId).catch((error: unknown) => {
      if (isTransient(error)) throw error;
      logger.error({ err: error, tenantId, invoiceId }, 'billing does not end this collection; somebody must');
      return null;
    });
    if (standing?.invoice.status === 'paid')
      logger.warn({ tenantId, invoiceId }, 'paid as its subscription ended; refund it unless that runs again');
  };
