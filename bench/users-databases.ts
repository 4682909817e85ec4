import { type Databases, openDatabases } from '@tenantry/databases/factory.ts';
import { currentTraceparent } from '@tenantry/kernel/call-context.ts';
import { systemClock } from '@tenantry/kernel/clock.ts';
import type { Stand } from './stand.ts';

/** The stores of the users service, opened as it opens them. */
export const openUsersDatabases = <Tables>({ storeUrls, masterKey, system }: Stand): Databases<Tables> =>
  openDatabases<Tables>({
    service: 'users',
    databaseUrl: storeUrls.databaseUrl,
    redisUrl: storeUrls.redisUrl,
    clickhouseUrl: '',
    masterKey,
    dataDir: system.dataDir,
    namespace: '',
    clock: systemClock,
    traceparent: currentTraceparent,
    onError: () => undefined,
  });
