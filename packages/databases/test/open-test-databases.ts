import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@tenantry/kernel/clock.ts';
import pg from 'pg';
import { inject } from 'vitest';
import { copyTemplate } from '../../../tests/support/database.ts';
import type { ObserveCall } from '../database-calls.ts';
import { openDatabases } from '../factory.ts';
import type { PlacementSettings } from '../placement.ts';

export type NotesTables = {
  notes: { tenant_id: string; id: string; text: string };
};

const NOTES = `
  set role users_owner;
  set search_path = users;
  create table notes (tenant_id uuid not null, id uuid not null, text text not null, primary key (tenant_id, id));
  select protect_tenant_table('notes');
  reset role;
  reset search_path;
`;

/** The engines of `users` on a database of the test's own, which has one tenant table more: notes. */
export async function openTestDatabases() {
  const namespace = `t${randomBytes(5).toString('hex')}`;
  const masterKey = inject('masterKey');
  const copy = await copyTemplate(inject('postgresUrl'), namespace);
  const dataDir = await mkdtemp(join(tmpdir(), 'tenantry-databases-'));
  await runAsAdmin(copy.adminUrl, NOTES);
  const open = (databaseUrl = copy.serviceUrl, observe?: ObserveCall, placement?: PlacementSettings) =>
    openDatabases<NotesTables>({
      service: 'users',
      databaseUrl,
      redisUrl: inject('redisUrl'),
      clickhouseUrl: inject('clickhouseUrl'),
      masterKey,
      dataDir,
      namespace,
      clock: systemClock,
      traceparent: () => '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      onError: () => undefined,
      observe,
      placement,
    });
  const databases = open();
  return {
    databases,
    /** The same again, perhaps by another address. */
    open,
    namespace,
    masterKey,
    adminUrl: copy.adminUrl,
    serviceUrl: copy.serviceUrl,
    sql: copy.sql,
    async close() {
      await databases.close();
      await copy.drop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

export type TestDatabases = Awaited<ReturnType<typeof openTestDatabases>>;

export async function runAsAdmin(adminUrl: string, statements: string): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    await client.query(statements);
  } finally {
    await client.end();
  }
}
