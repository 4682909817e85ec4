import type { TenantReader, TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';

export type PaymentTables = {
  payments: {
    tenant_id: string;
    id: string;
    invoice_id: string;
    customer_kind: string;
    customer_id: string;
    status: string;
    amount_minor: bigint;
    refunded_minor: bigint;
    currency: string;
    method: unknown;
    instructions: unknown;
    transaction_id: string | null;
    expires_at: Temporal.Instant | null;
    settled_at: Temporal.Instant | null;
    created_at: Temporal.Instant;
    version: number;
  };
  refunds: {
    tenant_id: string;
    id: string;
    payment_id: string;
    status: string;
    amount_minor: bigint;
    currency: string;
    created_at: Temporal.Instant;
  };
  refund_reasons: { tenant_id: string; refund_id: string; reason: string };
  payment_providers: {
    tenant_id: string;
    provider: string;
    environment: string;
    server_key_hint: string;
    updated_at: Temporal.Instant;
  };
};

export type PaymentsUnitOfWork = TenantUnitOfWork<PaymentTables>;
export type PaymentsReader = TenantReader<PaymentTables>;
