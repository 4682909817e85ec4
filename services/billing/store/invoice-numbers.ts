import { sql } from 'kysely';
import type { BillingUnitOfWork } from './invoices.ts';

/**
 * Draws the next position of a year's series. The counter's row stays locked until the unit of work ends: whoever comes
 * next waits, and sees the position again when this one is rolled back. Draw it as late as possible.
 */
export async function drawInvoicePosition(uow: BillingUnitOfWork, year: number): Promise<number> {
  const row = await uow.sql
    .insertInto('invoice_counters')
    .values({ tenant_id: uow.tenantUuid, year, last: 1 })
    .onConflict((conflict) =>
      conflict.columns(['tenant_id', 'year']).doUpdateSet({ last: sql<number>`invoice_counters.last + 1` }),
    )
    .returning('last')
    .executeTakeFirstOrThrow();
  return row.last;
}
