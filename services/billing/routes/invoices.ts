import { idFromUuid } from '@tenantry/kernel/id.ts';
import { parseInstant } from '@tenantry/kernel/instant.ts';
import { FileAnswer, type Route, serve } from '@tenantry/kit/http/route.ts';
import * as contract from '../contract/invoices.ts';
import type { collectInvoice } from '../use-cases/collect-invoice.ts';
import type { createInvoice } from '../use-cases/create-invoice.ts';
import type { endCollection } from '../use-cases/end-collection.ts';
import type { finalizeInvoice } from '../use-cases/finalize-invoice.ts';
import type { payInvoice } from '../use-cases/pay-invoice.ts';
import type { listInvoices, readInvoice } from '../use-cases/read-invoice.ts';
import type { readInvoicePdf } from '../use-cases/read-invoice-pdf.ts';
import type { readInvoiceStanding } from '../use-cases/read-invoice-standing.ts';
import type { voidInvoice } from '../use-cases/void-invoice.ts';
import { toInvoiceStanding, toInvoiceView } from './invoice-view.ts';

export type InvoiceUseCases = {
  readonly collectInvoice: ReturnType<typeof collectInvoice>;
  readonly createInvoice: ReturnType<typeof createInvoice>;
  readonly endCollection: ReturnType<typeof endCollection>;
  readonly finalizeInvoice: ReturnType<typeof finalizeInvoice>;
  readonly listInvoices: ReturnType<typeof listInvoices>;
  readonly payInvoice: ReturnType<typeof payInvoice>;
  readonly readInvoice: ReturnType<typeof readInvoice>;
  readonly readInvoicePdf: ReturnType<typeof readInvoicePdf>;
  readonly readInvoiceStanding: ReturnType<typeof readInvoiceStanding>;
  readonly voidInvoice: ReturnType<typeof voidInvoice>;
};

export const invoiceRoutes = (use: InvoiceUseCases): readonly Route[] => [
  serve(contract.collectInvoice, async ({ principal, params, body }) => {
    const orderedAt = parseInstant(body.orderedAt);
    const { invoice, payment } = await use.collectInvoice(principal, { ...params, ...body, orderedAt });
    return { invoice: toInvoiceView(invoice), payment };
  }),
  serve(contract.readInvoiceStanding, async ({ principal, params }) =>
    toInvoiceStanding(await use.readInvoiceStanding(principal, params.invoiceId)),
  ),
  serve(contract.endCollection, async ({ principal, params }) =>
    toInvoiceStanding(await use.endCollection(principal, params.invoiceId)),
  ),
  serve(contract.createInvoice, async ({ principal, body, resourceUuid }) =>
    toInvoiceView(
      await use.createInvoice(principal, { ...body, invoiceId: idFromUuid('inv', resourceUuid), subscriptionId: null }),
    ),
  ),
  serve(contract.listInvoices, ({ principal, query }) => use.listInvoices(principal, query, toInvoiceView)),
  serve(contract.readInvoice, async ({ principal, params }) =>
    toInvoiceView(await use.readInvoice(principal, params.invoiceId)),
  ),
  serve(contract.finalizeInvoice, async ({ principal, params, resourceUuid }) =>
    toInvoiceView(await use.finalizeInvoice(principal, params.invoiceId, resourceUuid)),
  ),
  serve(contract.voidInvoice, async ({ principal, params, resourceUuid }) =>
    toInvoiceView(await use.voidInvoice(principal, params.invoiceId, resourceUuid)),
  ),
  serve(contract.payInvoice, async ({ principal, params, body, resourceUuid }) => {
    const { invoice, payment } = await use.payInvoice(principal, params.invoiceId, {
      paymentId: idFromUuid('pay', resourceUuid),
      paymentMethod: body.paymentMethod,
    });
    return { invoice: toInvoiceView(invoice), payment };
  }),
  serve(contract.readInvoicePdf, async ({ principal, params }) => {
    const { number, bytes } = await use.readInvoicePdf(principal, params.invoiceId);
    return new FileAnswer({ contentType: 'application/pdf', fileName: `${number}.pdf`, bytes });
  }),
];
