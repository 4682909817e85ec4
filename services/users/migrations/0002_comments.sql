-- The schema of users in words: tests/schema demands them and writes them into schema.sql.

comment on table tenants is 'The tenants of the platform. Each tenant sees one row: its own.';
comment on column tenants.tenant_id is 'The tenant itself (ten_…).';
comment on column tenants.slug is 'Its name in addresses and at sign-in, unique on the platform through lookups.';
comment on column tenants.name is 'Its name as people know it.';
comment on column tenants.status is 'trial, active, suspended or closed; suspended ones cannot sign in.';
comment on column tenants.country is 'ISO 3166-1 alpha-2.';
comment on column tenants.currency is 'ISO 4217: in which it sells.';
comment on column tenants.time_zone is 'IANA: its days, months and years begin there.';
comment on column tenants.mode is 'live, or test: no money moves for a test tenant.';
comment on column tenants.tax_registered is 'Whether it charges tax.';
comment on column tenants.npwp is 'Its Indonesian tax number, where it has one.';
comment on column tenants.version is 'Grows with every change: the ETag, and what the pushed copy is compared by.';
comment on column tenants.created_at is 'When it was made.';

comment on table users is 'People with an account at a tenant. The same address at two tenants is two users.';
comment on column users.tenant_id is 'The tenant whose row this is; row-level security shows it to nobody else.';
comment on column users.id is 'The user (usr_…).';
comment on column users.email is 'In lower case; where mail goes and what one signs in with.';
comment on column users.name is 'As they gave it.';
comment on column users.locale is 'In which language we write: id or en.';
comment on column users.status is 'invited, unverified, active, locked, disabled or erased.';
comment on column users.password_hash is 'Argon2id, with its parameters and salt.';
comment on column users.roles is 'Names of the roles, from which permissions follow.';
comment on column users.version is 'Grows with every change: the ETag.';
comment on column users.created_at is 'When they signed up.';

comment on table sessions is 'Where somebody is signed in. Ended ones stay, so that their tokens stay refused.';
comment on column sessions.tenant_id is 'The tenant whose row this is; row-level security shows it to nobody else.';
comment on column sessions.id is 'The session (ses_…), named in access tokens.';
comment on column sessions.user_id is 'Who.';
comment on column sessions.created_at is 'When they signed in.';
comment on column sessions.last_used_at is 'When a token of it was last refreshed.';
comment on column sessions.expires_at is 'When it ends by itself.';
comment on column sessions.revoked_at is 'When it was ended; null while it lives.';

comment on table refresh_tokens is 'Every refresh token ever given out in a session; one that comes back after its use ends the session.';
comment on column refresh_tokens.tenant_id is 'The tenant whose row this is; row-level security shows it to nobody else.';
comment on column refresh_tokens.hash is 'SHA-256 of the token, which itself is kept nowhere.';
comment on column refresh_tokens.session_id is 'The session that it prolongs.';
comment on column refresh_tokens.issued_at is 'When it was given out.';
comment on column refresh_tokens.used_at is 'When it was exchanged for the next; null before.';

comment on table mail_tokens is 'One-time tokens sent by mail.';
comment on column mail_tokens.tenant_id is 'The tenant whose row this is; row-level security shows it to nobody else.';
comment on column mail_tokens.hash is 'SHA-256 of the token, which itself is kept nowhere.';
comment on column mail_tokens.user_id is 'Whose address it proves.';
comment on column mail_tokens.purpose is 'What it may be used for, for example verification.';
comment on column mail_tokens.password_hash is 'Of the sign-up that asked for this token: becomes the account''s when this very token is used.';
comment on column mail_tokens.name is 'Of that sign-up, likewise.';
comment on column mail_tokens.locale is 'Of that sign-up, likewise.';
comment on column mail_tokens.expires_at is 'After that it is refused.';
comment on column mail_tokens.used_at is 'When it was used; null before.';

comment on table mail_intents is 'Mail that has to go out. The token in it is minted when it is sent, so none lies around in clear.';
comment on column mail_intents.tenant_id is 'The tenant whose row this is; row-level security shows it to nobody else.';
comment on column mail_intents.id is 'Of this mail.';
comment on column mail_intents.user_id is 'To whom.';
comment on column mail_intents.purpose is 'verification, or already-registered for an address that has an account.';
comment on column mail_intents.password_hash is 'Of the sign-up that caused the mail, to go with the token; null where there was none.';
comment on column mail_intents.name is 'Of that sign-up, likewise.';
comment on column mail_intents.locale is 'Of that sign-up, likewise.';
comment on column mail_intents.created_at is 'When it was asked for.';
comment on column mail_intents.sent_at is 'When the mail server took it; null before.';
