-- What is unique over several databases is claimed in the main one before its row is written, wherever that goes. The row says
-- under which claim: whoever settles an abandoned claim writes it first, and who is late fails at this index, not at a clock.
alter table lookups add column claim uuid;
create unique index lookups_claim on lookups (claim) where claim is not null;
comment on column lookups.claim is 'The claim under which it was written, where there are several databases. Of kind void-claim: nothing can be written under it any more.';

create table name_claims (
  kind text not null,
  key text not null,
  claim uuid not null,
  tenant_id uuid not null,
  claimed_at timestamptz not null default now(),
  primary key (kind, key)
);
comment on table name_claims is 'What is being made unique over several databases at this moment; in the main one only, and empty where there is just that. Not under row-level security: the worker alone sees it.';
comment on column name_claims.kind is 'As in lookups.';
comment on column name_claims.key is 'As in lookups.';
comment on column name_claims.claim is 'Of this attempt: an older one can neither release nor use it.';
comment on column name_claims.tenant_id is 'For whom: whose database can be asked what came of it.';
comment on column name_claims.claimed_at is 'When, by the clock of this database.';

do $$
begin
  execute format('revoke all on name_claims from %I', current_setting('tenantry.app_role'));
  execute format('grant select, insert, delete on name_claims to %I', current_setting('tenantry.worker_role'));
end $$;
