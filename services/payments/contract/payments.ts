import { endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed, CustomerIdSchema, IdSchema, MoneySchema, PageOf, PageQuery } from '@tenantry/contract/schemas.ts';
import { conflict, invalidTransition } from '@tenantry/kernel/problems.ts';
import { Type } from 'typebox';
import {
  paymentMethodRefused,
  paymentNotConfigured,
  paymentNotFound,
  refundExceedsPayment,
  refundNotSupported,
  refundRefused,
} from '../problems.ts';
import { PaymentMethodSchema, PaymentView, RefundView } from './schemas.ts';

const PaymentParams = Closed({ paymentId: IdSchema('pay') });
const EXAMPLE_PAYMENT = { paymentId: 'pay_01h455vb4pex5vsknk084sn02q' };

/**
 * Billing asks for money. Idempotent by the payment's id: a repeat finds the intent and goes on from there. Answers
 * `processing` without instructions when the provider's answer is unknown; the payment is then finished by itself.
 */
export const chargePayment = endpoint({
  name: 'payments.charge-payment',
  method: 'POST',
  path: '/internal/payments/:paymentId/charge',
  summary: 'Create a payment at the provider',
  access: 'services',
  callers: ['billing'],
  params: PaymentParams,
  body: Closed({
    invoiceId: IdSchema('inv'),
    customerId: CustomerIdSchema,
    amount: MoneySchema,
    method: PaymentMethodSchema,
    description: Type.String({ minLength: 1, maxLength: 50 }),
  }),
  response: PaymentView,
  problems: [paymentNotConfigured, paymentMethodRefused, conflict],
});

export const listPayments = endpoint({
  name: 'payments.list-payments',
  method: 'GET',
  path: '/v1/payments',
  summary: 'Payments, newest first: one’s own, or the tenant’s',
  permission: 'payment:read',
  reach: 'own',
  query: PageQuery,
  response: PageOf(PaymentView),
});

export const readPayment = endpoint({
  name: 'payments.read-payment',
  method: 'GET',
  path: '/v1/payments/:paymentId',
  summary: 'One payment',
  permission: 'payment:read',
  reach: 'own',
  params: PaymentParams,
  response: PaymentView,
  problems: [paymentNotFound],
  example: { params: EXAMPLE_PAYMENT },
});

export const cancelPayment = endpoint({
  name: 'payments.cancel-payment',
  method: 'POST',
  path: '/v1/payments/:paymentId/cancel',
  summary: 'Cancel a payment that has not been made',
  permission: 'payment:cancel',
  reach: 'tenant',
  params: PaymentParams,
  idempotency: true,
  response: PaymentView,
  problems: [paymentNotFound, invalidTransition],
  example: { params: EXAMPLE_PAYMENT },
});

export const refundPayment = endpoint({
  name: 'payments.refund-payment',
  method: 'POST',
  path: '/v1/payments/:paymentId/refunds',
  summary: 'Give money back, all that is left or a part; never more than was captured',
  permission: 'refund:create',
  reach: 'tenant',
  params: PaymentParams,
  status: 201,
  idempotency: true,
  body: Closed({ amount: Type.Optional(MoneySchema), reason: Type.String({ minLength: 1, maxLength: 255 }) }),
  response: RefundView,
  problems: [
    paymentNotFound,
    paymentNotConfigured,
    refundNotSupported,
    refundExceedsPayment,
    refundRefused,
    invalidTransition,
  ],
  example: { params: EXAMPLE_PAYMENT, body: { reason: 'Requested by customer' } },
});

export const listRefunds = endpoint({
  name: 'payments.list-refunds',
  method: 'GET',
  path: '/v1/payments/:paymentId/refunds',
  summary: 'Refunds of one payment',
  permission: 'payment:read',
  reach: 'own',
  params: PaymentParams,
  response: Closed({ data: Type.Array(RefundView), nextCursor: Type.Null() }),
  problems: [paymentNotFound],
  example: { params: EXAMPLE_PAYMENT },
});
