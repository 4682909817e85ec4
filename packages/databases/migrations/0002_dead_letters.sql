-- Attempts that were begun on events which an earlier process had under way when it ended, written before the handler
-- runs and removed when it has ended, whatever the outcome. A row that outlives its process accuses its event.
create table event_attempts (
  tenant_id uuid not null,
  consumer text not null,
  event_id uuid not null,
  started integer not null check (started > 0),
  started_at timestamptz not null,
  primary key (tenant_id, consumer, event_id)
);
select protect_tenant_table('event_attempts');

-- `redriven_as` is the id of the one message that may settle this letter: whatever was published before it, or comes
-- after the letter was purged, changes nothing.
alter table dead_letters
  add column type text generated always as (event ->> 'type') stored,
  add column state text not null default 'dead' check (state in ('dead', 'redriving', 'handled')),
  add column redrives integer not null default 0,
  add column redriven_as uuid,
  add column handled_at timestamptz;

-- An event that goes again to the one consumer that had given it up: { "of": event id, "for": consumer, "source": … }.
alter table outbox add column redrive jsonb;

-- Whose each dead letter is, so that whoever runs the platform can walk over all of them. The owner reads past the
-- policies for this once.
alter table dead_letters no force row level security;
insert into lookups (kind, key, tenant_id, target) select 'dead-letter', id::text, tenant_id, id from dead_letters;
alter table dead_letters force row level security;
