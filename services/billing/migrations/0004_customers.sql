-- At tenant zero whole tenants are customers. Whoever has had an invoice so far was a user.
alter table invoices add column customer_kind text not null default 'usr' check (customer_kind in ('usr', 'ten'));
alter table invoices alter column customer_kind drop default;

comment on column invoices.customer_kind is 'What customer_id is: usr (a user) or, at tenant zero, ten (a tenant).';
comment on column invoices.customer_id is 'Who is billed (usr_…, at tenant zero also ten_…).';
comment on column data_keys.owner_id is 'Whose data it seals: a person (usr_…), a tenant that is a customer (ten_…), or this tenant itself (its own id).';
comment on column invoice_parties.buyer is 'Sealed under the customer''s data key, which is what is erased; null when the customer had been erased.';
