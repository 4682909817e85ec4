import {
  invoicePaid,
  invoicePaymentReversed,
  invoiceRefunded,
  invoiceVoided,
} from '@tenantry/billing/contract/events.ts';
import type { EventEnvelope } from '@tenantry/contract/event.ts';
import { on, type Subscription } from '@tenantry/events/subscription.ts';
import type { InvoiceId, SubscriptionId } from '@tenantry/kernel/id.ts';
import type { InvoiceFact } from '../domain/hear-invoice.ts';
import type { SubscriptionsTables } from '../store/tables.ts';
import type { SubscriptionsUow } from '../use-cases/deps.ts';
import type { hearInvoiceFact as createHearing } from '../use-cases/hear-invoice.ts';

type AboutInvoice = EventEnvelope<{
  readonly invoiceId: InvoiceId;
  readonly subscriptionId: SubscriptionId | null;
}>;

/** Billing says what becomes of invoices; those without a subscription concern nobody here. */
export function invoiceConsumers({
  hearInvoiceFact,
}: {
  readonly hearInvoiceFact: ReturnType<typeof createHearing>;
}): readonly Subscription<SubscriptionsTables>[] {
  const hear = async (uow: SubscriptionsUow, event: AboutInvoice, kind: InvoiceFact['kind']): Promise<void> => {
    const { invoiceId, subscriptionId } = event.data;
    if (subscriptionId === null) return;
    await hearInvoiceFact(uow, subscriptionId, { kind, invoiceId, version: event.aggregateversion });
  };
  return [
    on(invoicePaid, (uow: SubscriptionsUow, event) => hear(uow, event, 'paid')),
    on(invoiceVoided, (uow: SubscriptionsUow, event) => hear(uow, event, 'voided')),
    on(invoicePaymentReversed, (uow: SubscriptionsUow, event) => hear(uow, event, 'payment-reversed')),
    on(invoiceRefunded, async (uow: SubscriptionsUow, event) => {
      // Part of the money back is a gesture; all of it back ends what was bought.
      if (event.data.isFull) await hear(uow, event, 'refunded-in-full');
    }),
  ];
}
