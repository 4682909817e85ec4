-- The schema of billing in words: tests/schema demands them and writes them into schema.sql.

comment on table invoices is 'What is read of invoices: a pure function of their streams in events, written with them and rebuilt from them. Amounts are minor units of the currency.';
comment on column invoices.tenant_id is 'The tenant whose row this is; row-level security shows it to nobody else.';
comment on column invoices.id is 'The invoice (inv_…), which is its stream.';
comment on column invoices.version is 'Of the stream that this row shows; an older one never replaces a newer one.';
comment on column invoices.status is 'draft, open, paid, void or uncollectible.';
comment on column invoices.customer_id is 'The user who owes it (usr_…).';
comment on column invoices.subscription_id is 'The subscription that it collects for (sub_…); null for one made by hand.';
comment on column invoices.payment_id is 'The payment asked for last (pay_…).';
comment on column invoices.currency is 'ISO 4217, one per invoice.';
comment on column invoices.lines is 'What is charged, line by line, as the events have it.';
comment on column invoices.taxes is 'Tax by rate, as the events have it.';
comment on column invoices.payments is 'All payments of it and how they ended.';
comment on column invoices.subtotal is 'Sum of the lines, without tax.';
comment on column invoices.tax is 'Sum of the taxes.';
comment on column invoices.total is 'What is owed: subtotal and tax.';
comment on column invoices.amount_paid is 'What has come in.';
comment on column invoices.amount_refunded is 'What of it has gone back.';
comment on column invoices.amount_credited is 'What credit notes have taken off.';
comment on column invoices.number is 'Gapless per tenant and year, for example ACME-2026-000001; null for a draft.';
comment on column invoices.time_zone is 'IANA: that of the tenant at finalising, by which the document''s dates are written.';
comment on column invoices.finalized_at is 'When the draft became an invoice.';
comment on column invoices.finalized_by is 'The request that did it: a repeat of it is answered instead of refused.';
comment on column invoices.due_at is 'Until when it is to be paid.';
comment on column invoices.paid_at is 'When it was paid in full.';
comment on column invoices.voided_at is 'When it was declared void.';
comment on column invoices.void_reason is 'Why: declared, payment-failed, payment-refused or subscription-ended.';
comment on column invoices.voided_by is 'The request that did it, as finalized_by.';
comment on column invoices.created_at is 'When the draft was made.';

comment on table invoice_parties is 'Who sold to whom, as it stood when the invoice was finalised: the only place with a person''s name.';
comment on column invoice_parties.tenant_id is 'The tenant whose row this is; row-level security shows it to nobody else.';
comment on column invoice_parties.invoice_id is 'Of which invoice.';
comment on column invoice_parties.sealed is 'Seller and buyer, encrypted. Deleting the row erases the person from billing.';

comment on table invoice_counters is 'The last number given per tenant and year. The row is locked until the finalising transaction ends, and rolling that back gives the number back: so numbers have no gaps.';
comment on column invoice_counters.tenant_id is 'The tenant whose row this is; row-level security shows it to nobody else.';
comment on column invoice_counters.year is 'In the tenant''s time zone.';
comment on column invoice_counters.last is 'The last number given; 0 does not occur.';

comment on table ledger_entries is 'The books: one entry per document and kind, its postings balanced per currency, none ever changed.';
comment on column ledger_entries.tenant_id is 'The tenant whose row this is; row-level security shows it to nobody else.';
comment on column ledger_entries.id is 'Of this entry.';
comment on column ledger_entries.invoice_id is 'The invoice whose stream the entry follows from: what the proof groups by.';
comment on column ledger_entries.document is 'The document that it is about, as a TypeID: an invoice, a payment or a refund.';
comment on column ledger_entries.kind is 'What happened to the document; one entry for each.';
comment on column ledger_entries.posted_at is 'When.';

comment on table ledger_postings is 'The sides of the entries: debits and credits of one entry are equal in every currency.';
comment on column ledger_postings.tenant_id is 'The tenant whose row this is; row-level security shows it to nobody else.';
comment on column ledger_postings.entry_id is 'Of which entry.';
comment on column ledger_postings.line is 'Its place in the entry.';
comment on column ledger_postings.account is 'The account''s name in the chart of accounts.';
comment on column ledger_postings.side is 'debit or credit.';
comment on column ledger_postings.amount is 'Minor units, always positive.';
comment on column ledger_postings.currency is 'ISO 4217.';
