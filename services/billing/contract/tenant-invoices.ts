import { endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed, IdSchema, PageOf, PageQuery } from '@tenantry/contract/schemas.ts';
import { invalidTransition } from '@tenantry/kernel/problems.ts';
import { PaymentMethodSchema, PaymentView } from '@tenantry/payments/contract/schemas.ts';
import { invoiceNotFound, paymentRefused, paymentUnderWayAlready } from '../problems.ts';
import { InvoiceView } from './schemas.ts';

/** What the platform bills the tenant of the token: invoices of tenant zero, of which a tenant sees its own alone. */
const reading = { method: 'GET', permission: 'platform-invoice:read', reach: 'tenant' } as const;

const InvoiceParams = Closed({ invoiceId: IdSchema('inv') });
const EXAMPLE_INVOICE = { invoiceId: 'inv_01h455vb4pex5vsknk084sn02q' };

export const listTenantInvoices = endpoint({
  ...reading,
  name: 'billing.list-tenant-invoices',
  path: '/v1/tenant/invoices',
  summary: 'What the platform has billed the tenant of this token, newest first',
  query: PageQuery,
  response: PageOf(InvoiceView),
});

export const readTenantInvoice = endpoint({
  ...reading,
  name: 'billing.read-tenant-invoice',
  path: '/v1/tenant/invoices/:invoiceId',
  summary: 'One invoice of the platform to the tenant of this token',
  params: InvoiceParams,
  response: InvoiceView,
  problems: [invoiceNotFound],
  example: { params: EXAMPLE_INVOICE },
});

export const readTenantInvoicePdf = endpoint({
  ...reading,
  name: 'billing.read-tenant-invoice-pdf',
  path: '/v1/tenant/invoices/:invoiceId/pdf',
  summary: 'An invoice of the platform to the tenant of this token, as a PDF',
  params: InvoiceParams,
  produces: 'application/pdf',
  problems: [invoiceNotFound, invalidTransition],
  example: { params: EXAMPLE_INVOICE },
});

export const payTenantInvoice = endpoint({
  name: 'billing.pay-tenant-invoice',
  method: 'POST',
  path: '/v1/tenant/invoices/:invoiceId/pay',
  summary: 'Ask for the payment of an open invoice of the platform to the tenant of this token',
  permission: 'platform-invoice:pay',
  reach: 'tenant',
  params: InvoiceParams,
  status: 201,
  idempotency: true,
  body: Closed({ paymentMethod: PaymentMethodSchema }),
  response: Closed({ invoice: InvoiceView, payment: PaymentView }),
  problems: [invoiceNotFound, paymentUnderWayAlready, paymentRefused, invalidTransition],
  example: { params: EXAMPLE_INVOICE, body: { paymentMethod: { type: 'bank_transfer', bank: 'bca' } } },
});
