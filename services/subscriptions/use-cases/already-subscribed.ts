import { idFromUuid } from '@tenantry/kernel/id.ts';
import { alreadySubscribed } from '../problems.ts';
import type { SubscriptionRow } from '../store/tables.ts';

/** Names what is there and what to do about it. */
export function alreadySubscribedTo(row: SubscriptionRow) {
  const id = idFromUuid('sub', row.id);
  const invoiceId = row.latest_invoice_id === null ? null : idFromUuid('inv', row.latest_invoice_id);
  const isTenant = row.subscriber_kind === 'ten';
  const toCancel = isTenant ? 'POST /v1/tenant/subscription/cancel' : `POST /v1/subscriptions/${id}/cancel`;
  const nextStep: Partial<Record<SubscriptionRow['status'], string>> = {
    incomplete: `Make the payment of its invoice ${invoiceId}, or cancel it (${toCancel}).`,
    past_due: `Pay its invoice ${invoiceId}, or cancel it at once (${toCancel}).`,
  };
  return alreadySubscribed(
    `${isTenant ? 'Your tenant has' : 'You have'} the subscription ${id} to ${row.plan_slug}, which is ${row.status}. ${
      nextStep[row.status] ?? `Cancel it (${toCancel}) before subscribing to another plan.`
    }`,
    { extensions: { subscriptionId: id, subscriptionStatus: row.status, latestInvoiceId: invoiceId } },
  );
}
