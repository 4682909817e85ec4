import { type InvoiceId, newUuid, uuidOf } from '@tenantry/kernel/id.ts';
import { type Currency, type Money, money } from '@tenantry/kernel/money.ts';
import { sql } from 'kysely';
import type { JournalEntry, Side } from '../domain/journal.ts';
import type { BillingReader, BillingUnitOfWork } from './invoices.ts';

export type LedgerEntry = {
  readonly uuid: string;
  readonly document: string;
  readonly kind: string;
  readonly postedAt: Temporal.Instant;
  readonly postings: readonly { readonly account: string; readonly side: Side; readonly amount: Money }[];
};

/** Writes the entries of one invoice's documents, in the transaction of the documents themselves. */
export async function postEntries(
  uow: BillingUnitOfWork,
  invoiceId: InvoiceId,
  entries: readonly JournalEntry[],
): Promise<void> {
  if (entries.length === 0) return;
  const rows = entries.map((entry) => ({ uuid: newUuid(), entry }));
  await uow.sql
    .insertInto('ledger_entries')
    .values(
      rows.map(({ uuid, entry }) => ({
        tenant_id: uow.tenantUuid,
        id: uuid,
        invoice_id: uuidOf(invoiceId),
        document: entry.document,
        kind: entry.kind,
        posted_at: uow.now,
      })),
    )
    .execute();
  await uow.sql
    .insertInto('ledger_postings')
    .values(
      rows.flatMap(({ uuid, entry }) =>
        entry.postings.map((posting, index) => ({
          tenant_id: uow.tenantUuid,
          entry_id: uuid,
          line: index + 1,
          account: posting.account,
          side: posting.side,
          amount: posting.amount.minor,
          currency: posting.amount.currency,
        })),
      ),
    )
    .execute();
}

/** Debits less credits per account and currency. */
export async function sumAccounts(
  reader: BillingReader,
): Promise<readonly { readonly account: string; readonly debitBalance: Money }[]> {
  const rows = await reader.sql
    .selectFrom('ledger_postings')
    .select([
      'account',
      'currency',
      sql<bigint>`sum(case side when 'debit' then amount else -amount end)::bigint`.as('balance'),
    ])
    .where('tenant_id', '=', reader.tenantUuid)
    .groupBy(['account', 'currency'])
    .orderBy('account')
    .orderBy('currency')
    .execute();
  return rows.map((row) => ({ account: row.account, debitBalance: money(row.balance, row.currency as Currency) }));
}

/** Newest first. */
export async function selectEntries(
  reader: BillingReader,
  page: { readonly beforeUuid: string | null; readonly limit: number },
): Promise<readonly LedgerEntry[]> {
  let query = reader.sql
    .selectFrom('ledger_entries')
    .select(['id', 'document', 'kind', 'posted_at'])
    .where('tenant_id', '=', reader.tenantUuid);
  if (page.beforeUuid !== null) query = query.where('id', '<', page.beforeUuid);
  const entries = await query.orderBy('id', 'desc').limit(page.limit).execute();
  if (entries.length === 0) return [];
  const postings = await reader.sql
    .selectFrom('ledger_postings')
    .selectAll()
    .where('tenant_id', '=', reader.tenantUuid)
    .where(sql<boolean>`entry_id = any(${entries.map((entry) => entry.id)}::uuid[])`)
    .orderBy('line')
    .execute();
  const byEntry = Map.groupBy(postings, (posting) => posting.entry_id);
  return entries.map((entry) => ({
    uuid: entry.id,
    document: entry.document,
    kind: entry.kind,
    postedAt: entry.posted_at,
    postings: (byEntry.get(entry.id) ?? []).map((posting) => ({
      account: posting.account,
      side: posting.side as Side,
      amount: money(posting.amount, posting.currency as Currency),
    })),
  }));
}
