-- The read table of the invoices: a function of each invoice's stream in `events`, rebuilt from it at any time.
create table invoices (
  tenant_id uuid not null,
  id uuid not null,
  version integer not null check (version > 0),
  status text not null check (status in ('draft', 'open', 'paid', 'void', 'uncollectible')),
  customer_id uuid not null,
  subscription_id uuid,
  -- The payment asked for last.
  payment_id uuid,
  currency text not null,
  lines jsonb not null,
  taxes jsonb not null,
  payments jsonb not null,
  subtotal bigint not null,
  tax bigint not null,
  total bigint not null,
  amount_paid bigint not null,
  amount_refunded bigint not null,
  amount_credited bigint not null,
  number text,
  time_zone text,
  finalized_at timestamptz,
  finalized_by uuid,
  due_at timestamptz,
  paid_at timestamptz,
  voided_at timestamptz,
  void_reason text,
  voided_by uuid,
  created_at timestamptz not null,
  primary key (tenant_id, id),
  constraint invoices_number unique (tenant_id, number),
  check ((status = 'draft') = (number is null)),
  check (total = subtotal + tax)
);
create index invoices_customer on invoices (tenant_id, customer_id, id);
create index invoices_payment on invoices (tenant_id, payment_id);

-- Who sold to whom, as it stood when the invoice was finalised: the only place with a person's name. Encrypted, so that
-- the log of events holds none and deleting the row erases the person from billing.
create table invoice_parties (
  tenant_id uuid not null,
  invoice_id uuid not null,
  sealed bytea not null,
  primary key (tenant_id, invoice_id),
  foreign key (tenant_id, invoice_id) references invoices (tenant_id, id)
);

-- The last number given per tenant and year. The row is locked until the finalising transaction ends, and rolling that
-- back gives the number back: so numbers have no gaps.
create table invoice_counters (
  tenant_id uuid not null,
  year integer not null,
  last integer not null check (last > 0),
  primary key (tenant_id, year)
);

-- The books. One entry per document and kind, its postings balanced per currency, none ever changed.
create table ledger_entries (
  tenant_id uuid not null,
  id uuid not null,
  -- The invoice whose stream the entry follows from: what the proof groups by.
  invoice_id uuid not null,
  document text not null,
  kind text not null,
  posted_at timestamptz not null,
  primary key (tenant_id, id),
  constraint ledger_entries_document unique (tenant_id, document, kind)
);
create index ledger_entries_invoice on ledger_entries (tenant_id, invoice_id);

create table ledger_postings (
  tenant_id uuid not null,
  entry_id uuid not null,
  line smallint not null,
  account text not null,
  side text not null check (side in ('debit', 'credit')),
  amount bigint not null check (amount > 0),
  currency text not null,
  primary key (tenant_id, entry_id, line),
  foreign key (tenant_id, entry_id) references ledger_entries (tenant_id, id)
);
create index ledger_postings_account on ledger_postings (tenant_id, account, currency) include (side, amount);

-- Looked at when the transaction ends, so that an entry may be written posting by posting.
-- It finds its tables whoever inserts, so its search path is the schema's own.
create function refuse_unbalanced_entry() returns trigger language plpgsql set search_path from current as $$
declare
  entry uuid := case when tg_table_name = 'ledger_entries' then (to_jsonb(new) ->> 'id')::uuid
                     else (to_jsonb(new) ->> 'entry_id')::uuid end;
begin
  if not exists (select from ledger_postings p where p.tenant_id = new.tenant_id and p.entry_id = entry) then
    raise exception 'Ledger entry % has no postings', entry using errcode = 'check_violation';
  end if;
  if exists (
    select from ledger_postings p where p.tenant_id = new.tenant_id and p.entry_id = entry
    group by p.currency having sum(case p.side when 'debit' then p.amount else -p.amount end) <> 0
  ) then
    raise exception 'Ledger entry % does not balance', entry using errcode = 'check_violation';
  end if;
  return null;
end $$;
create constraint trigger ledger_entries_balance after insert on ledger_entries
  deferrable initially deferred for each row execute function refuse_unbalanced_entry();
create constraint trigger ledger_postings_balance after insert on ledger_postings
  deferrable initially deferred for each row execute function refuse_unbalanced_entry();

select protect_tenant_table(name)
from unnest(array['invoices', 'invoice_parties', 'invoice_counters', 'ledger_entries', 'ledger_postings']) as name;

do $$
begin
  execute format('revoke update, delete on ledger_entries, ledger_postings from %I', current_setting('tenantry.app_role'));
  execute format('revoke delete on invoices, invoice_counters from %I', current_setting('tenantry.app_role'));
end $$;
