-- What can be bought. A tenant's copies are its own; (tenant_id, slug) lets two first uses provision at the same time.
create table plans (
  tenant_id uuid not null,
  id uuid not null,
  slug text not null,
  name text not null,
  position integer not null,
  created_at timestamptz not null,
  primary key (tenant_id, id),
  constraint plans_slug unique (tenant_id, slug)
);
select protect_tenant_table('plans');

-- Without tax, in minor units.
create table plan_prices (
  tenant_id uuid not null,
  plan_id uuid not null,
  currency text not null,
  interval text not null check (interval in ('month', 'year')),
  amount_minor bigint not null check (amount_minor >= 0),
  primary key (tenant_id, plan_id, currency, interval),
  foreign key (tenant_id, plan_id) references plans (tenant_id, id)
);
select protect_tenant_table('plan_prices');

-- value: true or false of a switch, else a number; -1 has no end.
create table plan_features (
  tenant_id uuid not null,
  plan_id uuid not null,
  feature text not null,
  kind text not null check (kind in ('switch', 'limit', 'quota')),
  value jsonb not null,
  position integer not null,
  primary key (tenant_id, plan_id, feature),
  foreign key (tenant_id, plan_id) references plans (tenant_id, id)
);
select protect_tenant_table('plan_features');

-- The read model of the subscription streams: nothing here that replaying a stream would not give again.
create table subscriptions (
  tenant_id uuid not null,
  id uuid not null,
  version integer not null,
  status text not null,
  subscriber_id uuid not null,
  plan_id uuid not null,
  plan_slug text not null,
  price_minor bigint not null,
  currency text not null,
  interval text not null,
  anchor_at timestamptz,
  time_zone text,
  period_index integer,
  period_start timestamptz,
  period_end timestamptz,
  cancel_at_period_end boolean not null,
  canceled_at timestamptz,
  latest_invoice_id uuid,
  grace_id uuid,
  grace_ends_at timestamptz,
  created_at timestamptz not null,
  primary key (tenant_id, id)
);
-- One live subscription per subscriber, also for two requests at the same instant. Waiting for payment counts.
create unique index subscriptions_live on subscriptions (tenant_id, subscriber_id)
  where status in ('incomplete', 'trialing', 'active', 'past_due', 'paused');
create index subscriptions_subscriber on subscriptions (tenant_id, subscriber_id, id);
create index subscriptions_invoice on subscriptions (tenant_id, latest_invoice_id);
create index subscriptions_grace on subscriptions (tenant_id, grace_id) where grace_id is not null;
select protect_tenant_table('subscriptions');

-- How much of a quota is used. granted_by: the subscription; the nil UUID where there is none (Free, calendar month).
-- closed_at: the period was totalled; whoever comes late must use the next one.
create table usage_counters (
  tenant_id uuid not null,
  subscriber_id uuid not null,
  feature text not null,
  granted_by uuid not null,
  period_start timestamptz not null,
  used bigint not null check (used >= 0),
  closed_at timestamptz,
  primary key (tenant_id, subscriber_id, feature, granted_by, period_start)
);
select protect_tenant_table('usage_counters');

-- Every use, as recorded. ClickHouse is derived from these rows; exported_at is all that ever changes.
create table usage_records (
  tenant_id uuid not null,
  id uuid not null,
  subscriber_id uuid not null,
  feature text not null,
  amount integer not null check (amount > 0),
  granted_by uuid not null,
  period_start timestamptz not null,
  recorded_at timestamptz not null,
  exported_at timestamptz,
  primary key (tenant_id, id)
);
create index usage_records_unexported on usage_records (tenant_id, id) where exported_at is null;
select protect_tenant_table('usage_records');

do $$
declare
  app text := current_setting('tenantry.app_role');
begin
  execute format('revoke update, delete on usage_records from %I', app);
  execute format('grant update (exported_at) on usage_records to %I', app);
  execute format('revoke delete on usage_counters, subscriptions, plans from %I', app);
end $$;
