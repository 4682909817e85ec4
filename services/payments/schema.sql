-- The schema of payments, as its migrations leave it. Written from the migrated database; to write it anew:
--   npx vitest run --project service tests/schema -u
-- A table marked "tenant" has row-level security forced: its rows are those of app.tenant_id, to read and to write.

-- Tables of payments

-- Which providers a tenant has set up; the key itself is in the secrets engine.
-- tenant; payments_app: select, insert, update, delete; payments_worker: nothing
create table payment_providers (
  -- The tenant whose row this is; row-level security shows it to nobody else.
  tenant_id uuid not null,
  -- Its name: midtrans.
  provider text not null,
  -- sandbox or production.
  environment text not null,
  -- The end of the key, to tell which one it is.
  server_key_hint text not null,
  -- When the credentials were last set.
  updated_at timestamp with time zone not null,
  constraint payment_providers_pkey PRIMARY KEY (tenant_id, provider)
);

-- What is read of payments: a pure function of their streams in events, written in the transaction that appends to
-- them. Amounts are minor units of the currency.
-- tenant; payments_app: select, insert, update, delete; payments_worker: nothing
create table payments (
  -- The tenant whose row this is; row-level security shows it to nobody else.
  tenant_id uuid not null,
  -- The payment (pay_…), which is its stream and the provider's order.
  id uuid not null,
  -- The invoice that it pays (inv_…).
  invoice_id uuid not null,
  -- Who pays (usr_…, at tenant zero also ten_…).
  customer_id uuid not null,
  -- processing (the provider's answer is not known), pending, review, authorized, settled, denied, canceled, expired,
  -- partially_refunded, refunded, reversed or charged_back.
  status text not null,
  -- What is to be paid.
  amount_minor bigint not null,
  -- What of it has gone back.
  refunded_minor bigint not null,
  -- ISO 4217.
  currency text not null,
  -- How: bank transfer, e-wallet …, with what belongs to it.
  method jsonb not null,
  -- What the payer is to do, for example a virtual account's number; null before the provider has said.
  instructions jsonb,
  -- The provider's own id; null before it has answered.
  transaction_id text,
  -- Until when it can be paid; null where it does not expire.
  expires_at timestamp with time zone,
  -- When the money was ours; null before.
  settled_at timestamp with time zone,
  -- When it was asked for.
  created_at timestamp with time zone not null,
  -- Of the stream that this row shows.
  version integer not null,
  -- What customer_id is: usr (a user) or, at tenant zero, ten (a tenant).
  customer_kind text not null,
  constraint payments_pkey PRIMARY KEY (tenant_id, id),
  constraint payments_amount_minor_check CHECK ((amount_minor > 0)),
  constraint payments_customer_kind_check CHECK ((customer_kind = ANY (ARRAY['usr'::text, 'ten'::text])))
);
CREATE INDEX payments_customer ON payments USING btree (tenant_id, customer_id, id DESC);

-- What somebody typed as the reason of a refund. It may name a person, so it is in no event: here it can be erased.
-- tenant; payments_app: select, insert, update, delete; payments_worker: nothing
create table refund_reasons (
  -- The tenant whose row this is; row-level security shows it to nobody else.
  tenant_id uuid not null,
  -- Of which refund.
  refund_id uuid not null,
  -- As it was typed.
  reason text not null,
  constraint refund_reasons_pkey PRIMARY KEY (tenant_id, refund_id)
);

-- What is read of refunds, from the stream of their payment.
-- tenant; payments_app: select, insert, update, delete; payments_worker: nothing
create table refunds (
  -- The tenant whose row this is; row-level security shows it to nobody else.
  tenant_id uuid not null,
  -- The refund (rfd_…).
  id uuid not null,
  -- Of which payment.
  payment_id uuid not null,
  -- How far it has come.
  status text not null,
  -- How much goes back, in minor units.
  amount_minor bigint not null,
  -- ISO 4217, the payment's.
  currency text not null,
  -- When it was asked for.
  created_at timestamp with time zone not null,
  constraint refunds_pkey PRIMARY KEY (tenant_id, id),
  constraint refunds_amount_minor_check CHECK ((amount_minor > 0)),
  constraint refunds_tenant_id_payment_id_fkey FOREIGN KEY (tenant_id, payment_id) REFERENCES payments(tenant_id, id)
);
CREATE INDEX refunds_payment ON refunds USING btree (tenant_id, payment_id, id);

-- Tables that every service has

-- Who did what to what, when, written with the change. Never changed; users collects and chains these rows.
-- tenant; payments_app: select, insert; payments_worker: nothing
create table audit (
  -- The tenant whose row this is; row-level security shows it to nobody else.
  tenant_id uuid not null,
  -- Of this record.
  id uuid not null,
  -- When.
  occurred_at timestamp with time zone not null,
  -- Who: a user's or key's id, or service:<name>.
  principal text not null,
  -- For whom a service acted; null when it acted for itself.
  on_behalf_of text,
  -- What was done, for example invoice:finalize.
  action text not null,
  -- To what, as a TypeID.
  resource text not null,
  -- Ids and amounts that explain it, no personal data.
  detail jsonb not null,
  -- The trace in which it happened.
  trace_id text not null,
  constraint audit_pkey PRIMARY KEY (tenant_id, id)
);

-- Events given up on, with their cause, until somebody re-drives or discards them.
-- tenant; payments_app: select, insert, update, delete; payments_worker: nothing
create table dead_letters (
  -- The tenant whose row this is; row-level security shows it to nobody else.
  tenant_id uuid not null,
  -- The event's own id, so that it is not buried twice.
  id uuid not null,
  -- Who could not handle it.
  consumer text not null,
  -- The whole envelope.
  event jsonb not null,
  -- What the last attempt failed with.
  cause text not null,
  -- How often it was tried.
  attempts integer not null,
  -- When it was given up.
  died_at timestamp with time zone not null,
  -- When it was driven again last; null before.
  redriven_at timestamp with time zone,
  -- The event's type, to look for.
  type text generated always as ((event ->> 'type'::text)) stored,
  -- dead, redriving (a new message is on its way) or handled.
  state text not null default 'dead'::text,
  -- How often it was driven again.
  redrives integer not null default 0,
  -- The id of the one message that may settle it; null before the first.
  redriven_as uuid,
  -- When a message of a redrive was handled; null before.
  handled_at timestamp with time zone,
  constraint dead_letters_pkey PRIMARY KEY (tenant_id, id),
  constraint dead_letters_state_check CHECK ((state = ANY (ARRAY['dead'::text, 'redriving'::text, 'handled'::text])))
);

-- What must happen later. A ticker claims what has fallen due under a lease, does it, and removes the row or moves it
-- on.
-- not under row-level security; payments_app: insert; payments_worker: select, insert, update, delete
create table due (
  -- For whom.
  tenant_id uuid not null,
  -- What is to be done, for example subscription:period-end.
  kind text not null,
  -- About what: with tenant and kind one obligation, however often it is scheduled.
  id uuid not null,
  -- When, at the earliest.
  due_at timestamp with time zone not null,
  -- How often it was begun since it last went well; the wait after a failure grows with it.
  attempts integer not null default 0,
  -- The lease of the instance that is doing it; null, or past, when nobody is.
  claimed_until timestamp with time zone,
  -- W3C trace context of what made it necessary; null where that was long before
  traceparent text,
  constraint due_pkey PRIMARY KEY (tenant_id, kind, id)
);
CREATE INDEX due_due_at ON due USING btree (due_at);

-- Attempts begun on events that an earlier process had under way when it ended. Written before the handler runs and
-- removed when it has ended; a row that outlives its process accuses its event.
-- tenant; payments_app: select, insert, update, delete; payments_worker: nothing
create table event_attempts (
  -- The tenant whose row this is; row-level security shows it to nobody else.
  tenant_id uuid not null,
  -- Who began.
  consumer text not null,
  -- The event's id.
  event_id uuid not null,
  -- How many attempts were begun and did not end.
  started integer not null,
  -- When the last of them began.
  started_at timestamp with time zone not null,
  constraint event_attempts_pkey PRIMARY KEY (tenant_id, consumer, event_id),
  constraint event_attempts_started_check CHECK ((started > 0))
);

-- The event store: one stream per aggregate, its versions without gaps. Rows are never changed.
-- tenant; payments_app: select, insert; payments_worker: nothing
create table events (
  -- The tenant whose row this is; row-level security shows it to nobody else.
  tenant_id uuid not null,
  -- The aggregate's id.
  stream_id uuid not null,
  -- Its place in the stream, from 1. The primary key on it is the lock of two writers.
  version integer not null,
  -- The event's own id.
  id uuid not null,
  -- The past-tense name of what happened.
  type text not null,
  -- The rest of it, as plain JSON: amounts as decimal text, instants as RFC 3339.
  data jsonb not null,
  -- When it was written.
  recorded_at timestamp with time zone not null,
  -- Order over all streams. Shared by all tenants, so it is shown to nobody.
  position bigint not null generated always as identity,
  -- The transaction that wrote it: a reader in order of position must not run ahead of one that is still open.
  xid xid8 not null default pg_current_xact_id(),
  constraint events_pkey PRIMARY KEY (tenant_id, stream_id, version),
  constraint events_version_check CHECK ((version > 0))
);
CREATE INDEX events_position ON events USING btree (tenant_id, "position");

-- Answers kept for Idempotency-Key, for a day; expired keys are removed hour by hour.
-- tenant; payments_app: select, insert, update, delete; payments_worker: nothing
create table idempotency_keys (
  -- The tenant whose row this is; row-level security shows it to nobody else.
  tenant_id uuid not null,
  -- Whose key it is.
  principal text not null,
  -- The name of the endpoint that it was used at.
  route text not null,
  -- As the caller sent it.
  key text not null,
  -- Keyed hash of the request, to tell the same key with another request.
  fingerprint text not null,
  -- Minted with the first attempt, so that a repeat after a crash finds what the first one committed.
  resource_id uuid not null,
  -- HTTP status of the kept answer; null while there is none.
  status integer,
  -- Its body.
  response jsonb,
  -- Until then the first request is taken to be running.
  leased_until timestamp with time zone not null,
  -- After that the key is as good as new.
  expires_at timestamp with time zone not null,
  constraint idempotency_keys_pkey PRIMARY KEY (tenant_id, principal, route, key)
);
CREATE INDEX idempotency_keys_expires_at ON idempotency_keys USING btree (tenant_id, expires_at);

-- Which events this service has handled, recorded in the transaction of the effect, so a redelivery changes nothing.
-- Rows go after 35 days, when no stream has the event any more.
-- not under row-level security; payments_app: insert; payments_worker: select, insert, update, delete
create table inbox (
  -- The durable consumer that handled it.
  consumer text not null,
  -- The event's id.
  event_id uuid not null,
  -- When.
  handled_at timestamp with time zone not null,
  constraint inbox_pkey PRIMARY KEY (consumer, event_id)
);
CREATE INDEX inbox_handled_at ON inbox USING btree (handled_at);

-- From something foreign or hashed to the tenant that it belongs to, before there is a tenant to ask for.
-- not under row-level security; payments_app: insert; payments_worker: select, insert, update, delete
create table lookups (
  -- What sort of thing the key is, for example tenant-slug.
  kind text not null,
  -- The thing itself, unique in its kind over all tenants.
  key text not null,
  -- Whose it is.
  tenant_id uuid not null,
  -- What it is about: a row's id in the tenant's tables.
  target uuid not null,
  -- The claim under which it was written, where there are several databases. Of kind void-claim: nothing can be
  -- written under it any more.
  claim uuid,
  constraint lookups_pkey PRIMARY KEY (kind, key)
);
CREATE UNIQUE INDEX lookups_claim ON lookups USING btree (claim) WHERE (claim IS NOT NULL);

-- Which migrations have been applied to this schema.
-- not under row-level security; payments_app: nothing; payments_worker: nothing
create table migrations (
  -- Folder and file, for example billing/0001_invoices_and_ledger.sql.
  name text not null,
  -- SHA-256 of the file as it was applied: a file that changed afterwards ends the next migration.
  checksum text not null,
  -- When.
  applied_at timestamp with time zone not null default now(),
  constraint migrations_pkey PRIMARY KEY (name)
);

-- What is being made unique over several databases at this moment; in the main one only, and empty where there is
-- just that. Not under row-level security: the worker alone sees it.
-- not under row-level security; payments_app: nothing; payments_worker: select, insert, delete
create table name_claims (
  -- As in lookups.
  kind text not null,
  -- As in lookups.
  key text not null,
  -- Of this attempt: an older one can neither release nor use it.
  claim uuid not null,
  -- For whom: whose database can be asked what came of it.
  tenant_id uuid not null,
  -- When, by the clock of this database.
  claimed_at timestamp with time zone not null default now(),
  constraint name_claims_pkey PRIMARY KEY (kind, key)
);

-- Facts to publish, written in the transaction that made them true; the relay publishes each and removes it. Not
-- under row-level security: the application may only insert, the worker relays.
-- not under row-level security; payments_app: insert; payments_worker: select, insert, update, delete
create table outbox (
  -- The order of publishing.
  seq bigint not null generated always as identity,
  -- The event's id (evt_…), by which consumers tell a repeat.
  id uuid not null,
  -- Whose fact it is.
  tenant_id uuid not null,
  -- Service and aggregate, for example billing.invoice: the subject it is published under.
  aggregatetype text not null,
  -- The TypeID of what the fact is about.
  aggregateid text not null,
  -- The version of that after this fact; 0 for things that have none.
  aggregateversion integer not null,
  -- The event's type with its schema version, for example billing.invoice.paid.v1.
  type text not null,
  -- Its data: ids and amounts, no personal data.
  payload jsonb not null,
  -- W3C trace context of whoever caused it.
  traceparent text not null,
  -- When it happened.
  occurred_at timestamp with time zone not null,
  -- For a dead letter that goes again to the one consumer that gave it up: of which event, for whom, from which
  -- source. Null for facts.
  redrive jsonb,
  constraint outbox_pkey PRIMARY KEY (seq)
);

-- Functions

CREATE OR REPLACE FUNCTION protect_tenant_table(name text)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
    begin
      execute format('alter table payments.%I enable row level security', name);
      execute format('alter table payments.%I force row level security', name);
      execute format('create policy tenant on payments.%I using (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid) with check (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)', name);
    end $function$;
