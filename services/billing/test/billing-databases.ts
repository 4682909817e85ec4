import type { Databases } from '@tenantry/databases/factory.ts';
import { openDatabasesOf } from '../../../tests/support/world-databases.ts';
import type { BillingTables } from '../store/tables.ts';
import type { House } from './billing-house.ts';

/** The stores as another process of billing would open them. */
export const openBillingDatabases = ({ world }: Pick<House, 'world'>): Databases<BillingTables> =>
  openDatabasesOf<BillingTables>(world, 'billing');
