import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { invoiceNumber, yearIn } from '../domain/issue-invoice.ts';
import { drawInvoicePosition } from '../store/invoice-numbers.ts';
import type { BillingUnitOfWork } from '../store/invoices.ts';

/** The next number of the tenant's series for the year that `at` falls in, where the tenant is. */
export async function drawNumber(
  uow: BillingUnitOfWork,
  tenant: Pick<TenantRecord, 'slug' | 'timeZone'>,
  at: Temporal.Instant,
): Promise<string> {
  const year = yearIn(tenant.timeZone, at);
  return invoiceNumber(tenant.slug, year, await drawInvoicePosition(uow, year));
}
