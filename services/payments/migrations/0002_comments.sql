-- The schema of payments in words: tests/schema demands them and writes them into schema.sql.

comment on table payments is 'What is read of payments: a pure function of their streams in events, written in the transaction that appends to them. Amounts are minor units of the currency.';
comment on column payments.tenant_id is 'The tenant whose row this is; row-level security shows it to nobody else.';
comment on column payments.id is 'The payment (pay_…), which is its stream and the provider''s order.';
comment on column payments.invoice_id is 'The invoice that it pays (inv_…).';
comment on column payments.customer_id is 'The user who pays (usr_…).';
comment on column payments.status is 'processing (the provider''s answer is not known), pending, review, authorized, settled, denied, canceled, expired, partially_refunded, refunded, reversed or charged_back.';
comment on column payments.amount_minor is 'What is to be paid.';
comment on column payments.refunded_minor is 'What of it has gone back.';
comment on column payments.currency is 'ISO 4217.';
comment on column payments.method is 'How: bank transfer, e-wallet …, with what belongs to it.';
comment on column payments.instructions is 'What the payer is to do, for example a virtual account''s number; null before the provider has said.';
comment on column payments.transaction_id is 'The provider''s own id; null before it has answered.';
comment on column payments.expires_at is 'Until when it can be paid; null where it does not expire.';
comment on column payments.settled_at is 'When the money was ours; null before.';
comment on column payments.created_at is 'When it was asked for.';
comment on column payments.version is 'Of the stream that this row shows.';

comment on table refunds is 'What is read of refunds, from the stream of their payment.';
comment on column refunds.tenant_id is 'The tenant whose row this is; row-level security shows it to nobody else.';
comment on column refunds.id is 'The refund (rfd_…).';
comment on column refunds.payment_id is 'Of which payment.';
comment on column refunds.status is 'How far it has come.';
comment on column refunds.amount_minor is 'How much goes back, in minor units.';
comment on column refunds.currency is 'ISO 4217, the payment''s.';
comment on column refunds.created_at is 'When it was asked for.';

comment on table refund_reasons is 'What somebody typed as the reason of a refund. It may name a person, so it is in no event: here it can be erased.';
comment on column refund_reasons.tenant_id is 'The tenant whose row this is; row-level security shows it to nobody else.';
comment on column refund_reasons.refund_id is 'Of which refund.';
comment on column refund_reasons.reason is 'As it was typed.';

comment on table payment_providers is 'Which providers a tenant has set up; the key itself is in the secrets engine.';
comment on column payment_providers.tenant_id is 'The tenant whose row this is; row-level security shows it to nobody else.';
comment on column payment_providers.provider is 'Its name: midtrans.';
comment on column payment_providers.environment is 'sandbox or production.';
comment on column payment_providers.server_key_hint is 'The end of the key, to tell which one it is.';
comment on column payment_providers.updated_at is 'When the credentials were last set.';
