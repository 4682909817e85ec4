-- The schema of subscriptions, as its migrations leave it. Written from the migrated database; to write it anew:
--   npx vitest run --project service tests/schema -u
-- A table marked "tenant" has row-level security forced: its rows are those of app.tenant_id, to read and to write.

-- Tables of subscriptions

-- What can be bought. A tenant's copies are its own; the unique slug lets two first uses provision at the same time.
-- tenant; subscriptions_app: select, insert, update; subscriptions_worker: nothing
create table plans (
  -- The tenant whose row this is; row-level security shows it to nobody else.
  tenant_id uuid not null,
  -- The plan (pln_…).
  id uuid not null,
  -- Its name in code: free, pro or enterprise.
  slug text not null,
  -- Its name as people see it.
  name text not null,
  -- Its place in the list, cheapest first.
  position integer not null,
  -- When the tenant got its copy.
  created_at timestamp with time zone not null,
  constraint plans_pkey PRIMARY KEY (tenant_id, id),
  constraint plans_slug UNIQUE (tenant_id, slug)
);

-- What a plan allows.
-- tenant; subscriptions_app: select, insert, update, delete; subscriptions_worker: nothing
create table plan_features (
  -- The tenant whose row this is; row-level security shows it to nobody else.
  tenant_id uuid not null,
  -- Of which plan.
  plan_id uuid not null,
  -- The feature's name, for example api-calls.
  feature text not null,
  -- switch (is it there), limit (how many at a time) or quota (how many per period).
  kind text not null,
  -- true or false for a switch, else a number; -1 has no end.
  value jsonb not null,
  -- Its place in the plan's list.
  position integer not null,
  constraint plan_features_pkey PRIMARY KEY (tenant_id, plan_id, feature),
  constraint plan_features_kind_check CHECK ((kind = ANY (ARRAY['switch'::text, 'limit'::text, 'quota'::text]))),
  constraint plan_features_tenant_id_plan_id_fkey FOREIGN KEY (tenant_id, plan_id) REFERENCES plans(tenant_id, id)
);

-- What a plan costs per interval, without tax.
-- tenant; subscriptions_app: select, insert, update, delete; subscriptions_worker: nothing
create table plan_prices (
  -- The tenant whose row this is; row-level security shows it to nobody else.
  tenant_id uuid not null,
  -- Of which plan.
  plan_id uuid not null,
  -- ISO 4217.
  currency text not null,
  -- month or year.
  interval text not null,
  -- The price in minor units, without tax.
  amount_minor bigint not null,
  constraint plan_prices_pkey PRIMARY KEY (tenant_id, plan_id, currency, "interval"),
  constraint plan_prices_amount_minor_check CHECK ((amount_minor >= 0)),
  constraint plan_prices_interval_check CHECK (("interval" = ANY (ARRAY['month'::text, 'year'::text]))),
  constraint plan_prices_tenant_id_plan_id_fkey FOREIGN KEY (tenant_id, plan_id) REFERENCES plans(tenant_id, id)
);

-- What is read of subscriptions: nothing here that replaying their streams in events would not give again.
-- tenant; subscriptions_app: select, insert, update; subscriptions_worker: nothing
create table subscriptions (
  -- The tenant whose row this is; row-level security shows it to nobody else.
  tenant_id uuid not null,
  -- The subscription (sub_…), which is its stream.
  id uuid not null,
  -- Of the stream that this row shows; an older one never replaces a newer one.
  version integer not null,
  -- incomplete, incomplete_expired, trialing, active, past_due, paused or canceled.
  status text not null,
  -- Who has subscribed (usr_…, at tenant zero also ten_…).
  subscriber_id uuid not null,
  -- To which plan (pln_…).
  plan_id uuid not null,
  -- That plan's slug at the time.
  plan_slug text not null,
  -- The agreed price per interval, in minor units, without tax.
  price_minor bigint not null,
  -- ISO 4217.
  currency text not null,
  -- month or year.
  interval text not null,
  -- From where periods are counted; null before it has run.
  anchor_at timestamp with time zone,
  -- IANA: in which they are counted.
  time_zone text,
  -- Which period runs, from 0.
  period_index integer,
  -- When that period began.
  period_start timestamp with time zone,
  -- When it ends.
  period_end timestamp with time zone,
  -- Whether it ends with the period that runs.
  cancel_at_period_end boolean not null,
  -- When it was canceled; null before.
  canceled_at timestamp with time zone,
  -- The invoice asked for last (inv_…).
  latest_invoice_id uuid,
  -- The grace that runs because a renewal is not paid; null otherwise.
  grace_id uuid,
  -- Until when features go on in it.
  grace_ends_at timestamp with time zone,
  -- When it was ordered.
  created_at timestamp with time zone not null,
  -- What subscriber_id is: usr (a user) or, at tenant zero, ten (a tenant).
  subscriber_kind text not null,
  constraint subscriptions_pkey PRIMARY KEY (tenant_id, id),
  constraint subscriptions_subscriber_kind_check CHECK ((subscriber_kind = ANY (ARRAY['usr'::text, 'ten'::text])))
);
CREATE INDEX subscriptions_grace ON subscriptions USING btree (tenant_id, grace_id) WHERE (grace_id IS NOT NULL);
CREATE INDEX subscriptions_invoice ON subscriptions USING btree (tenant_id, latest_invoice_id);
CREATE UNIQUE INDEX subscriptions_live ON subscriptions USING btree (tenant_id, subscriber_id) WHERE (status = ANY (ARRAY['incomplete'::text, 'trialing'::text, 'active'::text, 'past_due'::text, 'paused'::text]));
CREATE INDEX subscriptions_subscriber ON subscriptions USING btree (tenant_id, subscriber_id, id);

-- How much of a quota is used, per period.
-- tenant; subscriptions_app: select, insert, update; subscriptions_worker: nothing
create table usage_counters (
  -- The tenant whose row this is; row-level security shows it to nobody else.
  tenant_id uuid not null,
  -- By whom.
  subscriber_id uuid not null,
  -- Of which feature.
  feature text not null,
  -- The subscription that grants the quota; the nil UUID where there is none (Free, calendar month).
  granted_by uuid not null,
  -- When the period began.
  period_start timestamp with time zone not null,
  -- How much so far.
  used bigint not null,
  -- When the period was totalled: whoever comes late must use the next one. Null while it is open.
  closed_at timestamp with time zone,
  constraint usage_counters_pkey PRIMARY KEY (tenant_id, subscriber_id, feature, granted_by, period_start),
  constraint usage_counters_used_check CHECK ((used >= 0))
);

-- Every use, as recorded. ClickHouse is derived from these rows; exported_at is all that ever changes.
-- tenant; subscriptions_app: select, insert, update (exported_at); subscriptions_worker: nothing
create table usage_records (
  -- The tenant whose row this is; row-level security shows it to nobody else.
  tenant_id uuid not null,
  -- Of this use.
  id uuid not null,
  -- By whom.
  subscriber_id uuid not null,
  -- Of which feature.
  feature text not null,
  -- How much was used; less than nothing where a use is given back.
  amount integer not null,
  -- As in usage_counters.
  granted_by uuid not null,
  -- As in usage_counters.
  period_start timestamp with time zone not null,
  -- When.
  recorded_at timestamp with time zone not null,
  -- When ClickHouse had it; null before.
  exported_at timestamp with time zone,
  -- The use that this record gives back; null for a use.
  releases uuid,
  constraint usage_records_pkey PRIMARY KEY (tenant_id, id),
  constraint usage_records_amount_check CHECK (
CASE
    WHEN (releases IS NULL) THEN (amount >= 0)
    ELSE (amount < 0)
END)
);
CREATE UNIQUE INDEX usage_records_releases ON usage_records USING btree (tenant_id, releases) WHERE (releases IS NOT NULL);
CREATE INDEX usage_records_unexported ON usage_records USING btree (tenant_id, id) WHERE (exported_at IS NULL);

-- Tables that every service has

-- Who did what to what, when, written with the change. Never changed; users collects and chains these rows.
-- tenant; subscriptions_app: select, insert; subscriptions_worker: nothing
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
-- tenant; subscriptions_app: select, insert, update, delete; subscriptions_worker: nothing
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
-- not under row-level security; subscriptions_app: insert; subscriptions_worker: select, insert, update, delete
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
-- tenant; subscriptions_app: select, insert, update, delete; subscriptions_worker: nothing
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
-- tenant; subscriptions_app: select, insert; subscriptions_worker: nothing
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
-- tenant; subscriptions_app: select, insert, update, delete; subscriptions_worker: nothing
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
-- not under row-level security; subscriptions_app: insert; subscriptions_worker: select, insert, update, delete
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
-- not under row-level security; subscriptions_app: insert; subscriptions_worker: select, insert, update, delete
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
-- not under row-level security; subscriptions_app: nothing; subscriptions_worker: nothing
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
-- not under row-level security; subscriptions_app: nothing; subscriptions_worker: select, insert, delete
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
-- not under row-level security; subscriptions_app: insert; subscriptions_worker: select, insert, update, delete
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
      execute format('alter table subscriptions.%I enable row level security', name);
      execute format('alter table subscriptions.%I force row level security', name);
      execute format('create policy tenant on subscriptions.%I using (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid) with check (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)', name);
    end $function$;
