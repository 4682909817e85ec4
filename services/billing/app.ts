import { assemble } from '@tenantry/kit/import-manager/assemble.ts';
import { openService, type RunningService, type ServiceOverrides } from '@tenantry/kit/lifecycle/service.ts';
import type { BillingConfiguration } from './config.ts';
import { paymentSubscriptions } from './consumers/payments.ts';
import { invoiceRoutes } from './routes/invoices.ts';
import { ledgerRoutes } from './routes/ledger.ts';
import { personRoutes } from './routes/persons.ts';
import { tenantInvoiceRoutes } from './routes/tenant-invoices.ts';
import { createBillingDataKeys } from './store/data-keys.ts';
import type { BillingTables } from './store/tables.ts';
import { REQUEST_PAYMENT } from './use-cases/charge-invoice.ts';
import { collectInvoice } from './use-cases/collect-invoice.ts';
import { createInvoice } from './use-cases/create-invoice.ts';
import { endCollection } from './use-cases/end-collection.ts';
import { erasePerson } from './use-cases/erase-person.ts';
import { finalizeInvoice } from './use-cases/finalize-invoice.ts';
import { finishPaymentRequest } from './use-cases/finish-payment-request.ts';
import { payInvoice } from './use-cases/pay-invoice.ts';
import { proveLedger } from './use-cases/prove-ledger.ts';
import { listInvoices, readInvoice } from './use-cases/read-invoice.ts';
import { readInvoicePdf } from './use-cases/read-invoice-pdf.ts';
import { readInvoiceStanding } from './use-cases/read-invoice-standing.ts';
import { listLedgerAccounts, listLedgerEntries } from './use-cases/read-ledger.ts';
import { createTurnstile } from './use-cases/turnstile.ts';
import { voidInvoice } from './use-cases/void-invoice.ts';

/** Billing as a service: its rooms, put together. */
export const openBilling = (
  configuration: BillingConfiguration,
  overrides: ServiceOverrides = {},
): Promise<RunningService> =>
  openService<BillingTables, BillingConfiguration>({
    name: 'billing',
    configuration,
    create: async ({ databases, mesh, tenants }) => {
      const values = {
        databases,
        mesh,
        tenants,
        dataKeys: createBillingDataKeys(databases),
        turnstile: createTurnstile(),
        terms: { manualDays: configuration.INVOICE_TERM_DAYS, collectDays: configuration.COLLECTION_TERM_DAYS },
      };
      const { parts: use } = await assemble(values, {
        collectInvoice,
        createInvoice,
        endCollection,
        erasePerson,
        finalizeInvoice,
        finishPaymentRequest,
        listInvoices,
        listLedgerAccounts,
        listLedgerEntries,
        payInvoice,
        proveLedger,
        readInvoice,
        readInvoicePdf,
        readInvoiceStanding,
        voidInvoice,
      });
      return {
        routes: [...invoiceRoutes(use), ...tenantInvoiceRoutes(use), ...ledgerRoutes(use), ...personRoutes(use)],
        subscriptions: paymentSubscriptions,
        due: {
          [REQUEST_PAYMENT]: async (work) => {
            await use.finishPaymentRequest(work);
            return undefined;
          },
        },
      };
    },
    ...overrides,
  });
