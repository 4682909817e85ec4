-- The schema of subscriptions in words: tests/schema demands them and writes them into schema.sql.

comment on table plans is 'What can be bought. A tenant''s copies are its own; the unique slug lets two first uses provision at the same time.';
comment on column plans.tenant_id is 'The tenant whose row this is; row-level security shows it to nobody else.';
comment on column plans.id is 'The plan (pln_…).';
comment on column plans.slug is 'Its name in code: free, pro or enterprise.';
comment on column plans.name is 'Its name as people see it.';
comment on column plans.position is 'Its place in the list, cheapest first.';
comment on column plans.created_at is 'When the tenant got its copy.';

comment on table plan_prices is 'What a plan costs per interval, without tax.';
comment on column plan_prices.tenant_id is 'The tenant whose row this is; row-level security shows it to nobody else.';
comment on column plan_prices.plan_id is 'Of which plan.';
comment on column plan_prices.currency is 'ISO 4217.';
comment on column plan_prices.interval is 'month or year.';
comment on column plan_prices.amount_minor is 'The price in minor units, without tax.';

comment on table plan_features is 'What a plan allows.';
comment on column plan_features.tenant_id is 'The tenant whose row this is; row-level security shows it to nobody else.';
comment on column plan_features.plan_id is 'Of which plan.';
comment on column plan_features.feature is 'The feature''s name, for example api-calls.';
comment on column plan_features.kind is 'switch (is it there), limit (how many at a time) or quota (how many per period).';
comment on column plan_features.value is 'true or false for a switch, else a number; -1 has no end.';
comment on column plan_features.position is 'Its place in the plan''s list.';

comment on table subscriptions is 'What is read of subscriptions: nothing here that replaying their streams in events would not give again.';
comment on column subscriptions.tenant_id is 'The tenant whose row this is; row-level security shows it to nobody else.';
comment on column subscriptions.id is 'The subscription (sub_…), which is its stream.';
comment on column subscriptions.version is 'Of the stream that this row shows; an older one never replaces a newer one.';
comment on column subscriptions.status is 'incomplete, incomplete_expired, trialing, active, past_due, paused or canceled.';
comment on column subscriptions.subscriber_id is 'The user who subscribed (usr_…).';
comment on column subscriptions.plan_id is 'To which plan (pln_…).';
comment on column subscriptions.plan_slug is 'That plan''s slug at the time.';
comment on column subscriptions.price_minor is 'The agreed price per interval, in minor units, without tax.';
comment on column subscriptions.currency is 'ISO 4217.';
comment on column subscriptions.interval is 'month or year.';
comment on column subscriptions.anchor_at is 'From where periods are counted; null before it has run.';
comment on column subscriptions.time_zone is 'IANA: in which they are counted.';
comment on column subscriptions.period_index is 'Which period runs, from 0.';
comment on column subscriptions.period_start is 'When that period began.';
comment on column subscriptions.period_end is 'When it ends.';
comment on column subscriptions.cancel_at_period_end is 'Whether it ends with the period that runs.';
comment on column subscriptions.canceled_at is 'When it was canceled; null before.';
comment on column subscriptions.latest_invoice_id is 'The invoice asked for last (inv_…).';
comment on column subscriptions.grace_id is 'The grace that runs because a renewal is not paid; null otherwise.';
comment on column subscriptions.grace_ends_at is 'Until when features go on in it.';
comment on column subscriptions.created_at is 'When it was ordered.';

comment on table usage_counters is 'How much of a quota is used, per period.';
comment on column usage_counters.tenant_id is 'The tenant whose row this is; row-level security shows it to nobody else.';
comment on column usage_counters.subscriber_id is 'By whom.';
comment on column usage_counters.feature is 'Of which feature.';
comment on column usage_counters.granted_by is 'The subscription that grants the quota; the nil UUID where there is none (Free, calendar month).';
comment on column usage_counters.period_start is 'When the period began.';
comment on column usage_counters.used is 'How much so far.';
comment on column usage_counters.closed_at is 'When the period was totalled: whoever comes late must use the next one. Null while it is open.';

comment on table usage_records is 'Every use, as recorded. ClickHouse is derived from these rows; exported_at is all that ever changes.';
comment on column usage_records.tenant_id is 'The tenant whose row this is; row-level security shows it to nobody else.';
comment on column usage_records.id is 'Of this use.';
comment on column usage_records.subscriber_id is 'By whom.';
comment on column usage_records.feature is 'Of which feature.';
comment on column usage_records.amount is 'How much was used; less than nothing where a use is given back.';
comment on column usage_records.releases is 'The use that this record gives back; null for a use.';
comment on column usage_records.granted_by is 'As in usage_counters.';
comment on column usage_records.period_start is 'As in usage_counters.';
comment on column usage_records.recorded_at is 'When.';
comment on column usage_records.exported_at is 'When ClickHouse had it; null before.';
