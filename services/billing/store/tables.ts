import type { DataKeyTables } from '@tenantry/databases/secrets/data-keys.ts';

/** The tables of migrations/, as the application role sees them. */
export type InvoicesTable = {
  tenant_id: string;
  id: string;
  version: number;
  status: string;
  customer_kind: string;
  customer_id: string;
  subscription_id: string | null;
  payment_id: string | null;
  currency: string;
  lines: unknown;
  taxes: unknown;
  payments: unknown;
  subtotal: bigint;
  tax: bigint;
  total: bigint;
  amount_paid: bigint;
  amount_refunded: bigint;
  amount_credited: bigint;
  number: string | null;
  time_zone: string | null;
  finalized_at: Temporal.Instant | null;
  finalized_by: string | null;
  due_at: Temporal.Instant | null;
  paid_at: Temporal.Instant | null;
  voided_at: Temporal.Instant | null;
  void_reason: string | null;
  voided_by: string | null;
  created_at: Temporal.Instant;
};

export type BillingTables = DataKeyTables & {
  invoices: InvoicesTable;
  invoice_parties: { tenant_id: string; invoice_id: string; seller: Buffer | null; buyer: Buffer | null };
  invoice_counters: { tenant_id: string; year: number; last: number };
  ledger_entries: {
    tenant_id: string;
    id: string;
    invoice_id: string;
    document: string;
    kind: string;
    posted_at: Temporal.Instant;
  };
  ledger_postings: {
    tenant_id: string;
    entry_id: string;
    line: number;
    account: string;
    side: string;
    amount: bigint;
    currency: string;
  };
};
