-- Bots, whose chats they may write to, and everything that was or will be written. A Telegram bot belongs to one tenant
-- of the platform through `lookups` (kind telegram-id); its webhook finds its tenant by kind telegram-bot.

create table bots (
  tenant_id uuid not null,
  id uuid not null,
  telegram_id bigint not null,
  username text not null,
  purpose text not null,
  status text not null check (status in ('healthy', 'degraded', 'paused', 'revoked')),
  webhook_set_at timestamptz,
  removed_at timestamptz,
  created_at timestamptz not null,
  primary key (tenant_id, id)
);
create unique index bots_one_per_purpose on bots (tenant_id, purpose) where removed_at is null;

-- Which chat a user reads. At any time one chat per (bot, user) and one user per (bot, chat).
create table telegram_links (
  tenant_id uuid not null,
  id uuid not null,
  bot_id uuid not null,
  user_id uuid not null,
  chat_id bigint not null,
  linked_at timestamptz not null,
  ended_at timestamptz,
  ended_because text check (ended_because in ('stopped', 'blocked', 'unreachable', 'replaced', 'bot-removed')),
  primary key (tenant_id, id),
  foreign key (tenant_id, bot_id) references bots (tenant_id, id),
  check ((ended_at is null) = (ended_because is null))
);
create unique index telegram_links_user on telegram_links (tenant_id, bot_id, user_id) where ended_at is null;
create unique index telegram_links_chat on telegram_links (tenant_id, bot_id, chat_id) where ended_at is null;
create index telegram_links_of_chat on telegram_links (tenant_id, bot_id, chat_id, linked_at);
create index telegram_links_of_user on telegram_links (tenant_id, user_id) where ended_at is null;

-- One-time codes of deep links, hashed: who reads this table can link nobody.
create table telegram_link_codes (
  tenant_id uuid not null,
  code_hash text not null,
  bot_id uuid not null,
  user_id uuid not null,
  expires_at timestamptz not null,
  used_at timestamptz,
  primary key (tenant_id, code_hash),
  foreign key (tenant_id, bot_id) references bots (tenant_id, id)
);
create index telegram_link_codes_user on telegram_link_codes (tenant_id, user_id);

-- Telegram may deliver an update more than once (no answer in time), for 24 hours at most.
create table telegram_updates (
  tenant_id uuid not null,
  bot_id uuid not null,
  update_id bigint not null,
  received_at timestamptz not null,
  primary key (tenant_id, bot_id, update_id),
  foreign key (tenant_id, bot_id) references bots (tenant_id, id)
);
create index telegram_updates_received on telegram_updates (tenant_id, bot_id, received_at);

-- What was intended, and what became of it: written before anything is sent, so it is also the history.
-- `user_id` is null for an answer to somebody whom we do not know; `bot_id` and `chat_id` are set beforehand only where
-- the message answers in a certain chat. `subject` is what it is about; one message per topic and subject.
-- `uncertain` counts the attempts whose outcome never became known: each of them may have arrived.
create table notifications (
  tenant_id uuid not null,
  id uuid not null,
  user_id uuid,
  topic text not null,
  subject text,
  content jsonb not null,
  locale text check (locale in ('id', 'en')),
  bot_id uuid,
  chat_id bigint,
  status text not null check (status in ('queued', 'sending', 'sent', 'suppressed', 'dead')),
  attempts integer not null default 0,
  uncertain integer not null default 0,
  not_before timestamptz,
  leased_until timestamptz,
  failure text,
  text text,
  message_id bigint,
  created_at timestamptz not null,
  sent_at timestamptz,
  primary key (tenant_id, id),
  foreign key (tenant_id, bot_id) references bots (tenant_id, id),
  check (user_id is not null or (bot_id is not null and chat_id is not null)),
  check ((status = 'sending') = (leased_until is not null)),
  check ((status = 'sent') = (sent_at is not null))
);
create unique index notifications_once on notifications (tenant_id, topic, subject) where subject is not null;
create index notifications_of_user on notifications (tenant_id, user_id, id);
create index notifications_sent_by on notifications (tenant_id, bot_id, sent_at) where sent_at is not null;
create index notifications_to_strangers on notifications (tenant_id, chat_id, id) where user_id is null;

select protect_tenant_table(name)
from unnest(array['bots', 'telegram_links', 'telegram_link_codes', 'telegram_updates', 'notifications']) as name;
