import { endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed, CustomerIdSchema, IdSchema, InstantSchema, PageOf, PageQuery } from '@tenantry/contract/schemas.ts';
import { invalidTransition } from '@tenantry/kernel/problems.ts';
import { PaymentMethodSchema, PaymentView } from '@tenantry/payments/contract/schemas.ts';
import { Type } from 'typebox';
import {
  customerNotFound,
  invoiceCurrencyMixed,
  invoiceHasNoAmount,
  invoiceHasNoLines,
  invoiceNotFound,
  paymentRefused,
  paymentUnderWayAlready,
} from '../problems.ts';
import { InvoiceView, NewInvoiceLine } from './schemas.ts';

const InvoiceParams = Closed({ invoiceId: IdSchema('inv') });
const EXAMPLE_INVOICE = { invoiceId: 'inv_01h455vb4pex5vsknk084sn02q' };

/**
 * Subscriptions asks billing to collect: draft, finalise and charge in one go. Idempotent by the invoice's id. The ids
 * of invoice and payment are minted by the caller, so every step can be repeated.
 */
export const collectInvoice = endpoint({
  name: 'billing.collect-invoice',
  method: 'POST',
  path: '/internal/invoices/:invoiceId/collect',
  summary: 'Make an open invoice and ask for its payment',
  access: 'services',
  callers: ['subscriptions'],
  params: InvoiceParams,
  body: Closed({
    paymentId: IdSchema('pay'),
    customerId: CustomerIdSchema,
    subscriptionId: IdSchema('sub'),
    lines: Type.Array(NewInvoiceLine, { minItems: 1, maxItems: 100 }),
    paymentMethod: PaymentMethodSchema,
    /** Of an `order` the invoice becomes void when its payment fails; of a `renewal` it stays open for another payment. */
    purpose: Type.Union([Type.Literal('order'), Type.Literal('renewal')]),
    /** When the thing was ordered: decides the year of the number and the day on the invoice. */
    orderedAt: InstantSchema,
  }),
  response: Closed({ invoice: InvoiceView, payment: PaymentView }),
  problems: [invoiceCurrencyMixed, invoiceHasNoAmount, customerNotFound, paymentRefused, invalidTransition],
});

/**
 * What subscriptions asks to know. `version` is the aggregate's, as its events bear it: facts up to it are in here.
 * `isPaymentUnderWay`: a payment was asked for of which nobody knows yet what becomes of it.
 */
const InvoiceStanding = Closed({ invoice: InvoiceView, version: Type.Integer(), isPaymentUnderWay: Type.Boolean() });

/** For whoever ordered it and has heard nothing of it for long. */
export const readInvoiceStanding = endpoint({
  name: 'billing.read-invoice-standing',
  method: 'GET',
  path: '/internal/invoices/:invoiceId/standing',
  summary: 'How an invoice stands, and up to which of its events',
  access: 'services',
  callers: ['subscriptions'],
  params: InvoiceParams,
  response: InvoiceStanding,
  problems: [invoiceNotFound],
});

/**
 * What an invoice was for will not be given any more: an open one becomes void, and money that comes for it later is the
 * customer's credit. One that is paid or void already stays what it is, and the answer says so. Idempotent.
 */
export const endCollection = endpoint({
  name: 'billing.end-collection',
  method: 'POST',
  path: '/internal/invoices/:invoiceId/end-collection',
  summary: 'Collect no longer what an invoice still claims',
  access: 'services',
  callers: ['subscriptions'],
  params: InvoiceParams,
  response: InvoiceStanding,
  problems: [invoiceNotFound, invalidTransition],
});

export const createInvoice = endpoint({
  name: 'billing.create-invoice',
  method: 'POST',
  path: '/v1/invoices',
  summary: 'Draft an invoice by hand',
  permission: 'invoice:create',
  reach: 'tenant',
  status: 201,
  idempotency: true,
  body: Closed({ customerId: IdSchema('usr'), lines: Type.Array(NewInvoiceLine, { maxItems: 100 }) }),
  response: InvoiceView,
  problems: [invoiceCurrencyMixed],
  example: {
    body: {
      customerId: 'usr_01h455vb4pex5vsknk084sn02q',
      lines: [{ description: 'Consulting, one day', quantity: 1, unitPrice: { amount: '2500000', currency: 'IDR' } }],
    },
  },
});

export const listInvoices = endpoint({
  name: 'billing.list-invoices',
  method: 'GET',
  path: '/v1/invoices',
  summary: 'Invoices, newest first: one’s own, or the tenant’s',
  permission: 'invoice:read',
  reach: 'own',
  query: PageQuery,
  response: PageOf(InvoiceView),
});

export const readInvoice = endpoint({
  name: 'billing.read-invoice',
  method: 'GET',
  path: '/v1/invoices/:invoiceId',
  summary: 'One invoice',
  permission: 'invoice:read',
  reach: 'own',
  params: InvoiceParams,
  response: InvoiceView,
  problems: [invoiceNotFound],
  example: { params: EXAMPLE_INVOICE },
});

export const finalizeInvoice = endpoint({
  name: 'billing.finalize-invoice',
  method: 'POST',
  path: '/v1/invoices/:invoiceId/finalize',
  summary: 'Turn a draft into an open invoice with a number and a due date',
  permission: 'invoice:finalize',
  reach: 'tenant',
  params: InvoiceParams,
  idempotency: true,
  response: InvoiceView,
  problems: [invoiceNotFound, invoiceHasNoLines, invoiceHasNoAmount, customerNotFound, invalidTransition],
  example: { params: EXAMPLE_INVOICE },
});

export const voidInvoice = endpoint({
  name: 'billing.void-invoice',
  method: 'POST',
  path: '/v1/invoices/:invoiceId/void',
  summary: 'Declare an unpaid invoice void; it keeps its number',
  permission: 'invoice:void',
  reach: 'tenant',
  params: InvoiceParams,
  idempotency: true,
  response: InvoiceView,
  problems: [invoiceNotFound, invalidTransition],
  example: { params: EXAMPLE_INVOICE },
});

/** Only its customer, or who has tenant reach for it, may pay an open invoice that has no payment under way. */
export const payInvoice = endpoint({
  name: 'billing.pay-invoice',
  method: 'POST',
  path: '/v1/invoices/:invoiceId/pay',
  summary: 'Ask for the payment of an open invoice',
  permission: 'invoice:pay',
  reach: 'own',
  params: InvoiceParams,
  status: 201,
  idempotency: true,
  body: Closed({ paymentMethod: PaymentMethodSchema }),
  response: Closed({ invoice: InvoiceView, payment: PaymentView }),
  problems: [invoiceNotFound, paymentUnderWayAlready, paymentRefused, invalidTransition],
  example: { params: EXAMPLE_INVOICE, body: { paymentMethod: { type: 'bank_transfer', bank: 'bca' } } },
});

export const readInvoicePdf = endpoint({
  name: 'billing.read-invoice-pdf',
  method: 'GET',
  path: '/v1/invoices/:invoiceId/pdf',
  summary: 'The invoice as a PDF',
  permission: 'invoice:read',
  reach: 'own',
  params: InvoiceParams,
  produces: 'application/pdf',
  problems: [invoiceNotFound, invalidTransition],
  example: { params: EXAMPLE_INVOICE },
});
