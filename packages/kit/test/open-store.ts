import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabases } from '@tenantry/databases/factory.ts';
import { fixedClock } from '@tenantry/kernel/clock.ts';
import { inject } from 'vitest';
import { copyTemplate } from '../../../tests/support/database.ts';

/** The databases of one service on a copy of the template, under a clock that moves when it is moved. */
export async function openStore(service = 'users') {
  const namespace = `t${randomBytes(5).toString('hex')}`;
  const copy = await copyTemplate(inject('postgresUrl'), namespace);
  const dataDir = await mkdtemp(join(tmpdir(), 'tenantry-kit-'));
  const clock = fixedClock(Temporal.Instant.from('2026-11-21T09:30:00Z'));
  const databases = openDatabases<unknown>({
    service,
    databaseUrl: copy.serviceUrl,
    redisUrl: inject('redisUrl'),
    clickhouseUrl: '',
    masterKey: inject('masterKey'),
    dataDir,
    namespace,
    clock,
    traceparent: () => '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    onError: () => undefined,
  });
  return {
    databases,
    clock,
    sql: copy.sql,
    async close(): Promise<void> {
      await databases.close();
      await copy.drop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

export type Store = Awaited<ReturnType<typeof openStore>>;
