-- The schema of users, as its migrations leave it. Written from the migrated database; to write it anew:
--   npx vitest run --project service tests/schema -u
-- A table marked "tenant" has row-level security forced: its rows are those of app.tenant_id, to read and to write.

-- Tables of users

-- The tenants of the platform. Each tenant sees one row: its own.
-- tenant; users_app: select, insert, update, delete; users_worker: nothing
create table tenants (
  -- The tenant itself (ten_…).
  tenant_id uuid not null,
  -- Its name in addresses and at sign-in, unique on the platform through lookups.
  slug text not null,
  -- Its name as people know it.
  name text not null,
  -- trial, active, suspended or closed; suspended ones cannot sign in.
  status text not null,
  -- ISO 3166-1 alpha-2.
  country text not null,
  -- ISO 4217: in which it sells.
  currency text not null,
  -- IANA: its days, months and years begin there.
  time_zone text not null,
  -- live, or test: no money moves for a test tenant.
  mode text not null,
  -- Whether it charges tax.
  tax_registered boolean not null,
  -- Its Indonesian tax number, where it has one.
  npwp text,
  -- Grows with every change: the ETag, and what the pushed copy is compared by.
  version integer not null,
  -- When it was made.
  created_at timestamp with time zone not null,
  constraint tenants_pkey PRIMARY KEY (tenant_id),
  constraint tenants_mode_check CHECK ((mode = ANY (ARRAY['live'::text, 'test'::text]))),
  constraint tenants_status_check CHECK ((status = ANY (ARRAY['trial'::text, 'active'::text, 'suspended'::text, 'closed'::text])))
);

-- People with an account at a tenant. The same address at two tenants is two users.
-- tenant; users_app: select, insert, update, delete; users_worker: nothing
create table users (
  -- The tenant whose row this is; row-level security shows it to nobody else.
  tenant_id uuid not null,
  -- The user (usr_…).
  id uuid not null,
  -- In lower case; where mail goes and what one signs in with.
  email text not null,
  -- As they gave it.
  name text not null,
  -- In which language we write: id or en.
  locale text not null,
  -- invited, unverified, active, locked, disabled or erased.
  status text not null,
  -- Argon2id, with its parameters and salt.
  password_hash text not null,
  -- Names of the roles, from which permissions follow.
  roles text[] not null,
  -- Grows with every change: the ETag.
  version integer not null,
  -- When they signed up.
  created_at timestamp with time zone not null,
  constraint users_pkey PRIMARY KEY (tenant_id, id),
  constraint users_locale_check CHECK ((locale = ANY (ARRAY['id'::text, 'en'::text]))),
  constraint users_status_check CHECK ((status = ANY (ARRAY['invited'::text, 'unverified'::text, 'active'::text, 'locked'::text, 'disabled'::text, 'erased'::text]))),
  constraint users_tenant_id_email_key UNIQUE (tenant_id, email)
);

-- Mail that has to go out. The token in it is minted when it is sent, so none lies around in clear.
-- tenant; users_app: select, insert, update, delete; users_worker: nothing
create table mail_intents (
  -- The tenant whose row this is; row-level security shows it to nobody else.
  tenant_id uuid not null,
  -- Of this mail.
  id uuid not null,
  -- To whom.
  user_id uuid not null,
  -- verification, or already-registered for an address that has an account.
  purpose text not null,
  -- Of the sign-up that caused the mail, to go with the token; null where there was none.
  password_hash text,
  -- Of that sign-up, likewise.
  name text,
  -- Of that sign-up, likewise.
  locale text,
  -- When it was asked for.
  created_at timestamp with time zone not null,
  -- When the mail server took it; null before.
  sent_at timestamp with time zone,
  constraint mail_intents_pkey PRIMARY KEY (tenant_id, id),
  constraint mail_intents_purpose_check CHECK ((purpose = ANY (ARRAY['verification'::text, 'already-registered'::text]))),
  constraint mail_intents_tenant_id_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users(tenant_id, id)
);
CREATE INDEX mail_intents_user ON mail_intents USING btree (tenant_id, user_id, created_at);

-- One-time tokens sent by mail.
-- tenant; users_app: select, insert, update, delete; users_worker: nothing
create table mail_tokens (
  -- The tenant whose row this is; row-level security shows it to nobody else.
  tenant_id uuid not null,
  -- SHA-256 of the token, which itself is kept nowhere.
  hash text not null,
  -- Whose address it proves.
  user_id uuid not null,
  -- What it may be used for, for example verification.
  purpose text not null,
  -- Of the sign-up that asked for this token: becomes the account's when this very token is used.
  password_hash text,
  -- Of that sign-up, likewise.
  name text,
  -- Of that sign-up, likewise.
  locale text,
  -- After that it is refused.
  expires_at timestamp with time zone not null,
  -- When it was used; null before.
  used_at timestamp with time zone,
  constraint mail_tokens_pkey PRIMARY KEY (tenant_id, hash),
  constraint mail_tokens_tenant_id_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users(tenant_id, id)
);

-- Where somebody is signed in. Ended ones stay, so that their tokens stay refused.
-- tenant; users_app: select, insert, update, delete; users_worker: nothing
create table sessions (
  -- The tenant whose row this is; row-level security shows it to nobody else.
  tenant_id uuid not null,
  -- The session (ses_…), named in access tokens.
  id uuid not null,
  -- Who.
  user_id uuid not null,
  -- When they signed in.
  created_at timestamp with time zone not null,
  -- When a token of it was last refreshed.
  last_used_at timestamp with time zone not null,
  -- When it ends by itself.
  expires_at timestamp with time zone not null,
  -- When it was ended; null while it lives.
  revoked_at timestamp with time zone,
  constraint sessions_pkey PRIMARY KEY (tenant_id, id),
  constraint sessions_tenant_id_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users(tenant_id, id)
);
CREATE INDEX sessions_user ON sessions USING btree (tenant_id, user_id);

-- Every refresh token ever given out in a session; one that comes back after its use ends the session.
-- tenant; users_app: select, insert, update, delete; users_worker: nothing
create table refresh_tokens (
  -- The tenant whose row this is; row-level security shows it to nobody else.
  tenant_id uuid not null,
  -- SHA-256 of the token, which itself is kept nowhere.
  hash text not null,
  -- The session that it prolongs.
  session_id uuid not null,
  -- When it was given out.
  issued_at timestamp with time zone not null,
  -- When it was exchanged for the next; null before.
  used_at timestamp with time zone,
  constraint refresh_tokens_pkey PRIMARY KEY (tenant_id, hash),
  constraint refresh_tokens_tenant_id_session_id_fkey FOREIGN KEY (tenant_id, session_id) REFERENCES sessions(tenant_id, id)
);

-- Tables that every service has

-- Who did what to what, when, written with the change. Never changed; users collects and chains these rows.
-- tenant; users_app: select, insert; users_worker: nothing
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
-- tenant; users_app: select, insert, update, delete; users_worker: nothing
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
-- not under row-level security; users_app: insert; users_worker: select, insert, update, delete
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
-- tenant; users_app: select, insert, update, delete; users_worker: nothing
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
-- tenant; users_app: select, insert; users_worker: nothing
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
-- tenant; users_app: select, insert, update, delete; users_worker: nothing
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
-- not under row-level security; users_app: insert; users_worker: select, insert, update, delete
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
-- not under row-level security; users_app: insert; users_worker: select, insert, update, delete
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
-- not under row-level security; users_app: nothing; users_worker: nothing
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
-- not under row-level security; users_app: nothing; users_worker: select, insert, delete
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
-- not under row-level security; users_app: insert; users_worker: select, insert, update, delete
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
      execute format('alter table users.%I enable row level security', name);
      execute format('alter table users.%I force row level security', name);
      execute format('create policy tenant on users.%I using (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid) with check (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)', name);
    end $function$;
