-- What every service's schema has. Run once per service, as the schema's owner, with the search path set to it.
-- Four routing tables (outbox, inbox, due, lookups) hold no business data and have no row-level security: the worker
-- role reads them across tenants, the application role may only add rows. Everything else is a tenant table.

-- Facts to publish, written in the transaction that made them true. Column names as Debezium's outbox router has them.
create table outbox (
  seq bigint generated always as identity primary key,
  id uuid not null,
  tenant_id uuid not null,
  aggregatetype text not null,
  aggregateid text not null,
  aggregateversion integer not null,
  type text not null,
  payload jsonb not null,
  traceparent text not null,
  occurred_at timestamptz not null
);

-- Wakes the relay (and below the ticker) the moment a transaction with work for it commits, from whichever process.
create function notify_worker() returns trigger language plpgsql as $$
begin
  perform pg_notify(tg_table_schema || '_' || tg_table_name, '');
  return null;
end $$;
create trigger outbox_notify after insert on outbox for each statement execute function notify_worker();

-- Which events this service has handled: recorded in the transaction of the effect, so a redelivery changes nothing.
create table inbox (
  consumer text not null,
  event_id uuid not null,
  handled_at timestamptz not null,
  primary key (consumer, event_id)
);
create index inbox_handled_at on inbox (handled_at);

-- What must happen later. Losing any other store loses no obligation.
create table due (
  tenant_id uuid not null,
  kind text not null,
  id uuid not null,
  due_at timestamptz not null,
  attempts integer not null default 0,
  claimed_until timestamptz,
  primary key (tenant_id, kind, id)
);
create index due_due_at on due (due_at);
create trigger due_notify after insert on due for each statement execute function notify_worker();

-- From something foreign or hashed to the tenant that it belongs to.
create table lookups (
  kind text not null,
  key text not null,
  tenant_id uuid not null,
  target uuid not null,
  primary key (kind, key)
);

-- The event store: one stream per aggregate, its versions without gaps. Rows are never changed.
create table events (
  tenant_id uuid not null,
  stream_id uuid not null,
  version integer not null check (version > 0),
  id uuid not null,
  type text not null,
  data jsonb not null,
  recorded_at timestamptz not null,
  position bigint generated always as identity,
  xid xid8 not null default pg_current_xact_id(),
  primary key (tenant_id, stream_id, version)
);
create index events_position on events (tenant_id, position);

-- Who did what to what, when, written with the change. Users collects and chains these rows.
create table audit (
  tenant_id uuid not null,
  id uuid not null,
  occurred_at timestamptz not null,
  principal text not null,
  on_behalf_of text,
  action text not null,
  resource text not null,
  detail jsonb not null,
  trace_id text not null,
  primary key (tenant_id, id)
);

-- Answers kept for Idempotency-Key. `resource_id` is minted with the first attempt, so that a repeat after a crash
-- finds what the first one committed.
create table idempotency_keys (
  tenant_id uuid not null,
  principal text not null,
  route text not null,
  key text not null,
  fingerprint text not null,
  resource_id uuid not null,
  status integer,
  response jsonb,
  leased_until timestamptz not null,
  expires_at timestamptz not null,
  primary key (tenant_id, principal, route, key)
);

-- Events given up on, with their cause, until somebody re-drives or discards them.
create table dead_letters (
  tenant_id uuid not null,
  id uuid not null,
  consumer text not null,
  event jsonb not null,
  cause text not null,
  attempts integer not null,
  died_at timestamptz not null,
  redriven_at timestamptz,
  primary key (tenant_id, id)
);

select protect_tenant_table(name)
from unnest(array['events', 'audit', 'idempotency_keys', 'dead_letters']) as name;

-- The application adds to the routing tables and reads none of them; history is never rewritten.
do $$
declare
  app text := current_setting('tenantry.app_role');
  worker text := current_setting('tenantry.worker_role');
begin
  execute format('revoke select, update, delete on outbox, inbox, due, lookups from %I', app);
  execute format('revoke update, delete on events, audit from %I', app);
  execute format('grant select, insert, update, delete on outbox, inbox, due, lookups to %I', worker);
end $$;
