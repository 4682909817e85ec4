import { event } from '@tenantry/contract/event.ts';
import { Closed, CustomerIdSchema, IdSchema, InstantSchema, MoneySchema } from '@tenantry/contract/schemas.ts';
import { Type } from 'typebox';

const InvoiceFact = {
  invoiceId: IdSchema('inv'),
  number: Type.String(),
  customerId: CustomerIdSchema,
  subscriptionId: Type.Union([IdSchema('sub'), Type.Null()]),
  total: MoneySchema,
};

export const invoiceFinalized = event(
  'billing.invoice.finalized.v1',
  Closed({ ...InvoiceFact, dueAt: InstantSchema }),
  { summary: 'A draft became an open invoice: number and lines never change from here.' },
);

export const invoicePaid = event(
  'billing.invoice.paid.v1',
  Closed({ ...InvoiceFact, paymentId: IdSchema('pay'), paidAt: InstantSchema }),
  { summary: 'The payment covers it. Subscriptions activates, notifications sends the receipt.' },
);

export const invoiceVoided = event('billing.invoice.voided.v1', Closed(InvoiceFact), {
  summary: 'It will not be collected: its payment failed for good, or somebody declared it void. It keeps its number.',
});

export const invoiceRefunded = event(
  'billing.invoice.refunded.v1',
  Closed({ ...InvoiceFact, refundId: IdSchema('rfd'), refunded: MoneySchema, isFull: Type.Boolean() }),
  { summary: 'Money of a paid invoice went back to the customer; `isFull` when nothing of it is left.' },
);

export const invoicePaymentReversed = event(
  'billing.invoice.payment-reversed.v1',
  Closed({ ...InvoiceFact, paymentId: IdSchema('pay') }),
  { summary: 'A paid invoice is open again because its payment was reversed or charged back.' },
);
