-- Keys of persons and tenants, wrapped: a person's with the tenant's, the tenant's with the keyring, which is no table.
create table data_keys (
  tenant_id uuid not null,
  owner_id uuid not null,
  wrapped bytea,
  changed_at timestamptz not null,
  primary key (tenant_id, owner_id)
);
select protect_tenant_table('data_keys');

-- The mark of an erasure stays: who finalises an invoice at that moment must not make the person a new key.
do $$
begin
  execute format('revoke delete on data_keys from %I', current_setting('tenantry.app_role'));
end $$;

comment on table data_keys is 'The keys under which data of persons and of tenants is sealed, themselves wrapped: a person''s with the tenant''s, the tenant''s with the keyring outside of the database.';
comment on column data_keys.tenant_id is 'The tenant whose row this is; row-level security shows it to nobody else.';
comment on column data_keys.owner_id is 'Whose data it seals: a person (usr_…), or the tenant itself (its own id).';
comment on column data_keys.wrapped is 'The wrapped key; null once it was erased, for good.';
comment on column data_keys.changed_at is 'When it was made or erased.';

-- Seller and buyer apart, so that erasing a person leaves the seller's name as it was. What was sealed under a key derived
-- from the master key alone could not be erased by erasing a key: such rows, of no released version, go.
truncate invoice_parties;
alter table invoice_parties drop column sealed, add column seller bytea, add column buyer bytea;

comment on table invoice_parties is 'Who sold to whom, as it stood when the invoice was finalised: the only place with a person''s name.';
comment on column invoice_parties.seller is 'Sealed under the tenant''s data key; null when the tenant had been erased.';
comment on column invoice_parties.buyer is 'Sealed under the person''s data key, which is what is erased; null when the person had been erased.';
