import { event } from '@tenantry/contract/event.ts';
import { Closed, CustomerIdSchema, IdSchema, InstantSchema, MoneySchema } from '@tenantry/contract/schemas.ts';
import { Type } from 'typebox';

const PaymentFact = {
  paymentId: IdSchema('pay'),
  invoiceId: IdSchema('inv'),
  customerId: CustomerIdSchema,
  amount: MoneySchema,
};

export const paymentSettled = event(
  'payments.payment.settled.v1',
  Closed({ ...PaymentFact, settledAt: InstantSchema }),
  { summary: 'The money is there. Billing alone reacts to it. Not final: a reversal or a chargeback may follow.' },
);

export const paymentFailed = event(
  'payments.payment.failed.v1',
  Closed({
    ...PaymentFact,
    reason: Type.Union([Type.Literal('expired'), Type.Literal('denied'), Type.Literal('canceled')]),
  }),
  { summary: 'It will not be paid any more: expired, denied by the provider, or canceled.' },
);

export const paymentRefunded = event(
  'payments.payment.refunded.v1',
  Closed({ ...PaymentFact, refundId: IdSchema('rfd'), refundedTotal: MoneySchema, isFull: Type.Boolean() }),
  { summary: 'Money went back. `amount` of this refund; `refundedTotal` of all refunds of the payment so far.' },
);

export const paymentReversed = event(
  'payments.payment.reversed.v1',
  Closed({ ...PaymentFact, cause: Type.Union([Type.Literal('reversal'), Type.Literal('chargeback')]) }),
  { summary: 'Settled money was taken away again by the provider (late deny) or by the payer’s bank (chargeback).' },
);
