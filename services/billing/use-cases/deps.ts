import type { Databases } from '@tenantry/databases/factory.ts';
import type { DataKeys } from '@tenantry/databases/secrets/data-keys.ts';
import type { TenantDirectory } from '@tenantry/kit/tenants/directory.ts';
import type { Mesh } from '@tenantry/mesh/client.ts';
import type { BillingTables } from '../store/tables.ts';
import type { Turnstile } from './turnstile.ts';

/** What use cases are made of. Each takes what it needs. */
export type BillingDeps = {
  readonly databases: Pick<Databases<BillingTables>, 'withTenant'>;
  readonly mesh: Pick<Mesh, 'call'>;
  readonly tenants: Pick<TenantDirectory, 'get'>;
  readonly dataKeys: DataKeys;
  readonly turnstile: Turnstile;
  readonly terms: PaymentTerms;
};

/** Days until an invoice is due: one that somebody finalised, and one that a subscription collects. */
export type PaymentTerms = { readonly manualDays: number; readonly collectDays: number };

export type { BillingTables } from '../store/tables.ts';
