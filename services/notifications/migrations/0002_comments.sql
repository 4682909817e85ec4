-- The schema of notifications in words: tests/schema demands them and writes them into schema.sql.

comment on table bots is 'Telegram bots of the tenant. A bot belongs to one tenant of the platform through lookups; its token is in the secrets engine.';
comment on column bots.tenant_id is 'The tenant whose row this is; row-level security shows it to nobody else.';
comment on column bots.id is 'The bot (bot_…), named in the address of its webhook.';
comment on column bots.telegram_id is 'Telegram''s id of it.';
comment on column bots.username is 'Its name at Telegram, without the @.';
comment on column bots.purpose is 'What it writes about; default for everything that no other bot is for.';
comment on column bots.status is 'healthy, degraded, paused or revoked.';
comment on column bots.webhook_set_at is 'When Telegram was last told where to send its updates; null when that is to be done.';
comment on column bots.removed_at is 'When the tenant took it away; null while it is there.';
comment on column bots.created_at is 'When it was added.';

comment on table telegram_links is 'Which chat a user reads. At any time one chat per bot and user, and one user per bot and chat.';
comment on column telegram_links.tenant_id is 'The tenant whose row this is; row-level security shows it to nobody else.';
comment on column telegram_links.id is 'Of this link.';
comment on column telegram_links.bot_id is 'With which bot.';
comment on column telegram_links.user_id is 'Whose (usr_…).';
comment on column telegram_links.chat_id is 'Telegram''s id of the chat.';
comment on column telegram_links.linked_at is 'When the deep link was followed.';
comment on column telegram_links.ended_at is 'When it ended; null while it holds.';
comment on column telegram_links.ended_because is 'stopped, blocked, unreachable, replaced or bot-removed.';

comment on table telegram_link_codes is 'One-time codes of deep links, hashed: who reads this table can link nobody.';
comment on column telegram_link_codes.tenant_id is 'The tenant whose row this is; row-level security shows it to nobody else.';
comment on column telegram_link_codes.code_hash is 'SHA-256 of the code.';
comment on column telegram_link_codes.bot_id is 'For which bot.';
comment on column telegram_link_codes.user_id is 'Whom it links.';
comment on column telegram_link_codes.expires_at is 'After that it is refused.';
comment on column telegram_link_codes.used_at is 'When it was used; null before.';

comment on table telegram_updates is 'Updates that were received: Telegram may deliver one more than once, for 24 hours at most.';
comment on column telegram_updates.tenant_id is 'The tenant whose row this is; row-level security shows it to nobody else.';
comment on column telegram_updates.bot_id is 'By which bot.';
comment on column telegram_updates.update_id is 'Telegram''s number of the update.';
comment on column telegram_updates.received_at is 'When it first came.';

comment on table notifications is 'What was intended, and what became of it: written before anything is sent, so it is also the history.';
comment on column notifications.tenant_id is 'The tenant whose row this is; row-level security shows it to nobody else.';
comment on column notifications.id is 'The notification (ntf_…).';
comment on column notifications.user_id is 'To whom; null for an answer to somebody whom we do not know.';
comment on column notifications.topic is 'What sort of message it is.';
comment on column notifications.subject is 'What it is about: one message per topic and subject. Null where each is of its own.';
comment on column notifications.content is 'What the message is made of when it is sent: ids, amounts, names of templates.';
comment on column notifications.locale is 'The language, once it is known.';
comment on column notifications.bot_id is 'By which bot it went; set beforehand only for an answer in a certain chat.';
comment on column notifications.chat_id is 'The chat of such an answer.';
comment on column notifications.status is 'queued, sending, sent, suppressed or dead.';
comment on column notifications.attempts is 'How often sending was begun.';
comment on column notifications.uncertain is 'How many of these never had a known outcome: each may have arrived.';
comment on column notifications.not_before is 'When to try again at the earliest.';
comment on column notifications.leased_until is 'Until then whoever is sending it is taken to be alive.';
comment on column notifications.failure is 'Why it was given up or suppressed.';
comment on column notifications.text is 'What was sent, word for word; null before.';
comment on column notifications.message_id is 'Telegram''s id of the message.';
comment on column notifications.created_at is 'When it was intended.';
comment on column notifications.sent_at is 'When Telegram took it; null before.';
