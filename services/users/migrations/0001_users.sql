-- Tenants and the people in them. Slugs are unique over the platform through `lookups` (kind tenant-slug).

create table tenants (
  tenant_id uuid primary key,
  slug text not null,
  name text not null,
  status text not null check (status in ('trial', 'active', 'suspended', 'closed')),
  country text not null,
  currency text not null,
  time_zone text not null,
  mode text not null check (mode in ('live', 'test')),
  tax_registered boolean not null,
  npwp text,
  version integer not null,
  created_at timestamptz not null
);

-- The same address in two tenants is two users. Addresses are kept in lower case.
create table users (
  tenant_id uuid not null,
  id uuid not null,
  email text not null,
  name text not null,
  locale text not null check (locale in ('id', 'en')),
  status text not null check (status in ('invited', 'unverified', 'active', 'locked', 'disabled', 'erased')),
  password_hash text not null,
  roles text[] not null,
  version integer not null,
  created_at timestamptz not null,
  primary key (tenant_id, id),
  unique (tenant_id, email)
);

create table sessions (
  tenant_id uuid not null,
  id uuid not null,
  user_id uuid not null,
  created_at timestamptz not null,
  last_used_at timestamptz not null,
  expires_at timestamptz not null,
  revoked_at timestamptz,
  primary key (tenant_id, id),
  foreign key (tenant_id, user_id) references users (tenant_id, id)
);
create index sessions_user on sessions (tenant_id, user_id);

-- Every refresh token ever given out in a session; one that comes back after its use ends the session.
create table refresh_tokens (
  tenant_id uuid not null,
  hash text not null,
  session_id uuid not null,
  issued_at timestamptz not null,
  used_at timestamptz,
  primary key (tenant_id, hash),
  foreign key (tenant_id, session_id) references sessions (tenant_id, id)
);

-- One-time tokens sent by mail.
create table mail_tokens (
  tenant_id uuid not null,
  hash text not null,
  user_id uuid not null,
  purpose text not null,
  -- What whoever asked for this token signed up with: it becomes the account's when this very token is used.
  password_hash text,
  name text,
  locale text,
  expires_at timestamptz not null,
  used_at timestamptz,
  primary key (tenant_id, hash),
  foreign key (tenant_id, user_id) references users (tenant_id, id)
);

-- Mail that has to go out. The token in it is minted when it is sent, so none lies around in clear.
create table mail_intents (
  tenant_id uuid not null,
  id uuid not null,
  user_id uuid not null,
  purpose text not null check (purpose in ('verification', 'already-registered')),
  password_hash text,
  name text,
  locale text,
  created_at timestamptz not null,
  sent_at timestamptz,
  primary key (tenant_id, id),
  foreign key (tenant_id, user_id) references users (tenant_id, id)
);

create index mail_intents_user on mail_intents (tenant_id, user_id, created_at);

select protect_tenant_table(name)
from unnest(array['tenants', 'users', 'sessions', 'refresh_tokens', 'mail_tokens', 'mail_intents']) as name;
