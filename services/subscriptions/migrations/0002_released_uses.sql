-- A use that was given back is taken away by a record of its own, never by changing the first: at most one per use, with the
-- same quota and period and less than nothing. A use that is given back before it was counted stands as a record of nothing
-- under its id, so that it finds itself recorded when it comes after all.
alter table usage_records add column releases uuid;
alter table usage_records drop constraint usage_records_amount_check;
alter table usage_records add constraint usage_records_amount_check
  check (case when releases is null then amount >= 0 else amount < 0 end);
create unique index usage_records_releases on usage_records (tenant_id, releases) where releases is not null;
