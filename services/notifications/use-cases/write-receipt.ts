import type { invoicePaid } from '@tenantry/billing/contract/events.ts';
import type { DataOf } from '@tenantry/contract/event.ts';
import { isId, uuidOf } from '@tenantry/kernel/id.ts';
import type { NotificationsUnitOfWork } from '../store/tables.ts';
import { intendNotification } from './intend-notification.ts';

const RECEIPT = 'receipt';

/**
 * One receipt per invoice, however often and under however many event ids its payment is told. A tenant that has paid the
 * platform has no chat here; it reads its invoice.
 */
export const writeReceipt = async (uow: NotificationsUnitOfWork, paid: DataOf<typeof invoicePaid>): Promise<void> => {
  if (!isId('usr', paid.customerId)) return;
  await intendNotification(uow, {
    topic: RECEIPT,
    subject: paid.invoiceId,
    userUuid: uuidOf(paid.customerId),
    content: { kind: 'receipt', number: paid.number, total: paid.total },
  });
};
