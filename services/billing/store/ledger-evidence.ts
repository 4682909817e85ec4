import type { StoredEvent } from '@tenantry/events/event-store.ts';
import { type Currency, money } from '@tenantry/kernel/money.ts';
import { sql } from 'kysely';
import { INVOICE_STREAM_BEGINS_WITH, type InvoiceEvent } from '../domain/invoice-events.ts';
import type { JournalEntry, Posting, Side } from '../domain/journal.ts';
import { type BillingUnitOfWork, toInvoiceEvents } from './invoices.ts';

/** What the documents of one invoice say, beside what the books hold of it, both of the same moment. */
export type LedgerEvidence = {
  readonly invoiceUuid: string;
  readonly events: readonly InvoiceEvent[];
  readonly entries: readonly StoredEntry[];
};

export type StoredEntry = Omit<JournalEntry, 'kind' | 'postings'> & {
  readonly kind: string;
  readonly postings: readonly (Omit<Posting, 'account'> & { readonly account: string })[];
};

type Row = {
  readonly invoice_id: string;
  readonly events: readonly Pick<StoredEvent, 'type' | 'data'>[];
  readonly entries: readonly {
    readonly document: string;
    readonly kind: string;
    readonly postings: readonly {
      readonly account: string;
      readonly side: Side;
      /** Text: a JSON number would lose digits. */
      readonly amount: string;
      readonly currency: Currency;
    }[];
  }[];
};

/**
 * The evidence for the next invoices after `afterUuid`, whether they are known from documents or from the books alone.
 * One statement, so one snapshot: somebody who posts meanwhile cannot make the two disagree.
 */
export async function readLedgerEvidence(
  uow: BillingUnitOfWork,
  afterUuid: string,
  limit: number,
): Promise<readonly LedgerEvidence[]> {
  const tenant = uow.tenantUuid;
  const { rows } = await sql<Row>`
    with subjects as (
      select stream_id as invoice_id from events
      where tenant_id = ${tenant} and stream_id > ${afterUuid} and version = 1 and type = ${INVOICE_STREAM_BEGINS_WITH}
      union
      select invoice_id from ledger_entries where tenant_id = ${tenant} and invoice_id > ${afterUuid}
      order by invoice_id limit ${limit}
    )
    select s.invoice_id,
      coalesce((
        select jsonb_agg(jsonb_build_object('type', e.type, 'data', e.data) order by e.version)
        from events e where e.tenant_id = ${tenant} and e.stream_id = s.invoice_id
      ), '[]') as events,
      coalesce((
        select jsonb_agg(jsonb_build_object('document', l.document, 'kind', l.kind, 'postings', (
          select coalesce(jsonb_agg(jsonb_build_object(
            'account', p.account, 'side', p.side, 'amount', p.amount::text, 'currency', p.currency) order by p.line), '[]')
          from ledger_postings p where p.tenant_id = ${tenant} and p.entry_id = l.id
        )) order by l.id)
        from ledger_entries l where l.tenant_id = ${tenant} and l.invoice_id = s.invoice_id
      ), '[]') as entries
    from subjects s order by s.invoice_id
  `.execute(uow.sql);
  return rows.map((row) => ({
    invoiceUuid: row.invoice_id,
    events: toInvoiceEvents(row.events),
    entries: row.entries.map((entry) => ({
      document: entry.document,
      kind: entry.kind,
      postings: entry.postings.map((posting) => ({
        account: posting.account,
        side: posting.side,
        amount: money(BigInt(posting.amount), posting.currency),
      })),
    })),
  }));
}
