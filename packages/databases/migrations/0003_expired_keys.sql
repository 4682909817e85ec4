-- Expired keys are removed tenant by tenant, the oldest first.
create index idempotency_keys_expires_at on idempotency_keys (tenant_id, expires_at);
