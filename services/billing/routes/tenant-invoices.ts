import { tenantAsCustomer } from '@tenantry/auth/principal.ts';
import { idFromUuid } from '@tenantry/kernel/id.ts';
import { FileAnswer, type Route, serve } from '@tenantry/kit/http/route.ts';
import * as contract from '../contract/tenant-invoices.ts';
import { toInvoiceView } from './invoice-view.ts';
import type { InvoiceUseCases } from './invoices.ts';

/** The same use cases as for anybody's invoices, at tenant zero, with the tenant as the one who asks. */
export const tenantInvoiceRoutes = (
  use: Pick<InvoiceUseCases, 'listInvoices' | 'readInvoice' | 'readInvoicePdf' | 'payInvoice'>,
): readonly Route[] => [
  serve(contract.listTenantInvoices, ({ principal, query }) =>
    use.listInvoices(tenantAsCustomer(principal), query, toInvoiceView),
  ),
  serve(contract.readTenantInvoice, async ({ principal, params }) =>
    toInvoiceView(await use.readInvoice(tenantAsCustomer(principal), params.invoiceId)),
  ),
  serve(contract.readTenantInvoicePdf, async ({ principal, params }) => {
    const { number, bytes } = await use.readInvoicePdf(tenantAsCustomer(principal), params.invoiceId);
    return new FileAnswer({ contentType: 'application/pdf', fileName: `${number}.pdf`, bytes });
  }),
  serve(contract.payTenantInvoice, async ({ principal, params, body, resourceUuid }) => {
    const { invoice, payment } = await use.payInvoice(tenantAsCustomer(principal), params.invoiceId, {
      paymentId: idFromUuid('pay', resourceUuid),
      paymentMethod: body.paymentMethod,
    });
    return { invoice: toInvoiceView(invoice), payment };
  }),
];
