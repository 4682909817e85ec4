import { type Databases, openDatabases } from '@tenantry/databases/factory.ts';
import { currentTraceparent } from '@tenantry/kernel/call-context.ts';
import { inject } from 'vitest';
import type { World } from './world.ts';

/** The stores of a service of this world, as another process of it would open them. Without analytics. */
export function openDatabasesOf<Tables>(world: World, service: string): Databases<Tables> {
  const databaseUrl = new URL(world.databaseUrl);
  databaseUrl.username = '';
  databaseUrl.password = '';
  return openDatabases<Tables>({
    service,
    databaseUrl: databaseUrl.href,
    redisUrl: inject('redisUrl'),
    clickhouseUrl: '',
    masterKey: world.masterKey,
    dataDir: world.dataDir,
    namespace: world.namespace,
    clock: world.clock,
    traceparent: currentTraceparent,
    onError: () => undefined,
  });
}
