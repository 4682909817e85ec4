import { invoicePaid } from '@tenantry/billing/contract/events.ts';
import { on } from '@tenantry/events/subscription.ts';
import type { writeReceipt } from '../use-cases/write-receipt.ts';

export const billingSubscriptions = (useCases: { readonly writeReceipt: typeof writeReceipt }) => [
  on(invoicePaid, (uow: Parameters<typeof writeReceipt>[0], event) => useCases.writeReceipt(uow, event.data)),
];
