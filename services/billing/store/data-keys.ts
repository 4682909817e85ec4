import type { Databases } from '@tenantry/databases/factory.ts';
import { createDataKeys, type DataKeys } from '@tenantry/databases/secrets/data-keys.ts';
import type { BillingTables } from './tables.ts';

/** The keys of tenants and persons that billing keeps, in its own schema. */
export const createBillingDataKeys = (
  { withTenant, keyring }: Pick<Databases<BillingTables>, 'withTenant' | 'keyring'>,
  nowMs?: () => number,
): DataKeys =>
  createDataKeys({ service: 'billing', read: withTenant.read, keyring, ...(nowMs === undefined ? {} : { nowMs }) });
