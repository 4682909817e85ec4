import { type Databases, openDatabases } from '@tenantry/databases/factory.ts';
import { continueTrace } from '@tenantry/kernel/call-context.ts';
import { inject } from 'vitest';
import type { BillingTables } from '../store/tables.ts';
import type { House } from './billing-house.ts';

/** The stores as another process of billing would open them. */
export function openBillingDatabases({ world }: Pick<House, 'world'>): Databases<BillingTables> {
  const databaseUrl = new URL(world.databaseUrl);
  databaseUrl.username = '';
  databaseUrl.password = '';
  return openDatabases<BillingTables>({
    service: 'billing',
    databaseUrl: databaseUrl.href,
    redisUrl: inject('redisUrl'),
    clickhouseUrl: '',
    masterKey: world.masterKey,
    dataDir: world.dataDir,
    namespace: world.namespace,
    clock: world.clock,
    traceparent: () => continueTrace(undefined),
    onError: () => undefined,
  });
}
