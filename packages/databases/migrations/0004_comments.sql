-- What every service's schema has, in words: tests/schema demands them and writes them into each schema.sql.

comment on table migrations is 'Which migrations have been applied to this schema.';
comment on column migrations.name is 'Folder and file, for example billing/0001_invoices_and_ledger.sql.';
comment on column migrations.checksum is 'SHA-256 of the file as it was applied: a file that changed afterwards ends the next migration.';
comment on column migrations.applied_at is 'When.';

comment on table outbox is 'Facts to publish, written in the transaction that made them true; the relay publishes each and removes it. Not under row-level security: the application may only insert, the worker relays.';
comment on column outbox.seq is 'The order of publishing.';
comment on column outbox.id is 'The event''s id (evt_…), by which consumers tell a repeat.';
comment on column outbox.tenant_id is 'Whose fact it is.';
comment on column outbox.aggregatetype is 'Service and aggregate, for example billing.invoice: the subject it is published under.';
comment on column outbox.aggregateid is 'The TypeID of what the fact is about.';
comment on column outbox.aggregateversion is 'The version of that after this fact; 0 for things that have none.';
comment on column outbox.type is 'The event''s type with its schema version, for example billing.invoice.paid.v1.';
comment on column outbox.payload is 'Its data: ids and amounts, no personal data.';
comment on column outbox.traceparent is 'W3C trace context of whoever caused it.';
comment on column outbox.occurred_at is 'When it happened.';

comment on table inbox is 'Which events this service has handled, recorded in the transaction of the effect, so a redelivery changes nothing. Rows go after 35 days, when no stream has the event any more.';
comment on column inbox.consumer is 'The durable consumer that handled it.';
comment on column inbox.event_id is 'The event''s id.';
comment on column inbox.handled_at is 'When.';

comment on table due is 'What must happen later. A ticker claims what has fallen due under a lease, does it, and removes the row or moves it on.';
comment on column due.tenant_id is 'For whom.';
comment on column due.kind is 'What is to be done, for example subscription:period-end.';
comment on column due.id is 'About what: with tenant and kind one obligation, however often it is scheduled.';
comment on column due.due_at is 'When, at the earliest.';
comment on column due.attempts is 'How often it was begun since it last went well; the wait after a failure grows with it.';
comment on column due.claimed_until is 'The lease of the instance that is doing it; null, or past, when nobody is.';

comment on table lookups is 'From something foreign or hashed to the tenant that it belongs to, before there is a tenant to ask for.';
comment on column lookups.kind is 'What sort of thing the key is, for example tenant-slug.';
comment on column lookups.key is 'The thing itself, unique in its kind over all tenants.';
comment on column lookups.tenant_id is 'Whose it is.';
comment on column lookups.target is 'What it is about: a row''s id in the tenant''s tables.';

comment on table events is 'The event store: one stream per aggregate, its versions without gaps. Rows are never changed.';
comment on column events.tenant_id is 'The tenant whose row this is; row-level security shows it to nobody else.';
comment on column events.stream_id is 'The aggregate''s id.';
comment on column events.version is 'Its place in the stream, from 1. The primary key on it is the lock of two writers.';
comment on column events.id is 'The event''s own id.';
comment on column events.type is 'The past-tense name of what happened.';
comment on column events.data is 'The rest of it, as plain JSON: amounts as decimal text, instants as RFC 3339.';
comment on column events.recorded_at is 'When it was written.';
comment on column events.position is 'Order over all streams. Shared by all tenants, so it is shown to nobody.';
comment on column events.xid is 'The transaction that wrote it: a reader in order of position must not run ahead of one that is still open.';

comment on table audit is 'Who did what to what, when, written with the change. Never changed; users collects and chains these rows.';
comment on column audit.tenant_id is 'The tenant whose row this is; row-level security shows it to nobody else.';
comment on column audit.id is 'Of this record.';
comment on column audit.occurred_at is 'When.';
comment on column audit.principal is 'Who: a user''s or key''s id, or service:<name>.';
comment on column audit.on_behalf_of is 'For whom a service acted; null when it acted for itself.';
comment on column audit.action is 'What was done, for example invoice:finalize.';
comment on column audit.resource is 'To what, as a TypeID.';
comment on column audit.detail is 'Ids and amounts that explain it, no personal data.';
comment on column audit.trace_id is 'The trace in which it happened.';

comment on table idempotency_keys is 'Answers kept for Idempotency-Key, for a day; expired keys are removed hour by hour.';
comment on column idempotency_keys.tenant_id is 'The tenant whose row this is; row-level security shows it to nobody else.';
comment on column idempotency_keys.principal is 'Whose key it is.';
comment on column idempotency_keys.route is 'The name of the endpoint that it was used at.';
comment on column idempotency_keys.key is 'As the caller sent it.';
comment on column idempotency_keys.fingerprint is 'Keyed hash of the request, to tell the same key with another request.';
comment on column idempotency_keys.resource_id is 'Minted with the first attempt, so that a repeat after a crash finds what the first one committed.';
comment on column idempotency_keys.status is 'HTTP status of the kept answer; null while there is none.';
comment on column idempotency_keys.response is 'Its body.';
comment on column idempotency_keys.leased_until is 'Until then the first request is taken to be running.';
comment on column idempotency_keys.expires_at is 'After that the key is as good as new.';

comment on table dead_letters is 'Events given up on, with their cause, until somebody re-drives or discards them.';
comment on column dead_letters.tenant_id is 'The tenant whose row this is; row-level security shows it to nobody else.';
comment on column dead_letters.id is 'The event''s own id, so that it is not buried twice.';
comment on column dead_letters.consumer is 'Who could not handle it.';
comment on column dead_letters.event is 'The whole envelope.';
comment on column dead_letters.cause is 'What the last attempt failed with.';
comment on column dead_letters.attempts is 'How often it was tried.';
comment on column dead_letters.died_at is 'When it was given up.';
comment on column dead_letters.redriven_at is 'When it was driven again last; null before.';
comment on column dead_letters.type is 'The event''s type, to look for.';
comment on column dead_letters.state is 'dead, redriving (a new message is on its way) or handled.';
comment on column dead_letters.redrives is 'How often it was driven again.';
comment on column dead_letters.redriven_as is 'The id of the one message that may settle it; null before the first.';
comment on column dead_letters.handled_at is 'When a message of a redrive was handled; null before.';

comment on table event_attempts is 'Attempts begun on events that an earlier process had under way when it ended. Written before the handler runs and removed when it has ended; a row that outlives its process accuses its event.';
comment on column event_attempts.tenant_id is 'The tenant whose row this is; row-level security shows it to nobody else.';
comment on column event_attempts.consumer is 'Who began.';
comment on column event_attempts.event_id is 'The event''s id.';
comment on column event_attempts.started is 'How many attempts were begun and did not end.';
comment on column event_attempts.started_at is 'When the last of them began.';

comment on column outbox.redrive is 'For a dead letter that goes again to the one consumer that gave it up: of which event, for whom, from which source. Null for facts.';
