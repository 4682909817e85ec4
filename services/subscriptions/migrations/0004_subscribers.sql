-- At tenant zero whole tenants subscribe. Whoever has subscribed so far was a user.
alter table subscriptions add column subscriber_kind text not null default 'usr' check (subscriber_kind in ('usr', 'ten'));
alter table subscriptions alter column subscriber_kind drop default;

comment on column subscriptions.subscriber_kind is 'What subscriber_id is: usr (a user) or, at tenant zero, ten (a tenant).';
comment on column subscriptions.subscriber_id is 'Who has subscribed (usr_…, at tenant zero also ten_…).';
