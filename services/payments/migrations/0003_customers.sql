-- At tenant zero whole tenants are customers. Whoever has paid so far was a user.
alter table payments add column customer_kind text not null default 'usr' check (customer_kind in ('usr', 'ten'));
alter table payments alter column customer_kind drop default;

comment on column payments.customer_kind is 'What customer_id is: usr (a user) or, at tenant zero, ten (a tenant).';
comment on column payments.customer_id is 'Who pays (usr_…, at tenant zero also ten_…).';
