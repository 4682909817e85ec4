-- What is read of payments: a pure function of their event streams, written in the transaction that appends to them.
create table payments (
  tenant_id uuid not null,
  id uuid not null,
  invoice_id uuid not null,
  customer_id uuid not null,
  status text not null,
  amount_minor bigint not null check (amount_minor > 0),
  refunded_minor bigint not null,
  currency text not null,
  method jsonb not null,
  instructions jsonb,
  transaction_id text,
  expires_at timestamptz,
  settled_at timestamptz,
  created_at timestamptz not null,
  version integer not null,
  primary key (tenant_id, id)
);
create index payments_customer on payments (tenant_id, customer_id, id desc);

create table refunds (
  tenant_id uuid not null,
  id uuid not null,
  payment_id uuid not null,
  status text not null,
  amount_minor bigint not null check (amount_minor > 0),
  currency text not null,
  created_at timestamptz not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, payment_id) references payments
);
create index refunds_payment on refunds (tenant_id, payment_id, id);

-- What somebody typed as the reason of a refund may name a person, so it is no event: here it can be erased.
create table refund_reasons (
  tenant_id uuid not null,
  refund_id uuid not null,
  reason text not null,
  primary key (tenant_id, refund_id)
);

-- Which providers a tenant has set up; the key itself is in the secrets engine.
create table payment_providers (
  tenant_id uuid not null,
  provider text not null,
  environment text not null,
  server_key_hint text not null,
  updated_at timestamptz not null,
  primary key (tenant_id, provider)
);

select protect_tenant_table(name)
from unnest(array['payments', 'refunds', 'refund_reasons', 'payment_providers']) as name;
