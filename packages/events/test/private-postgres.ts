import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EmbeddedServer } from '@tenantry/deploy/embedded/embedded-server.ts';
import { startPostgres } from '@tenantry/deploy/embedded/postgres.ts';
import { migrateAll } from '@tenantry/deploy/migrate/migrate.ts';
import { eventually } from '../../../tests/support/eventually.ts';
import { steadyPort } from '../../../tests/support/steady-port.ts';

/**
 * A migrated server of a test's own, because it is killed: it flushes what it says is committed, and comes back on the same
 * port with the files that it left.
 * @param where on a disk of the test's own
 */
export async function openPrivatePostgres(masterKey: string, where = tmpdir()) {
  const folder = mkdtempSync(join(where, 'tenantry-postgres-'));
  const start = (port: number): Promise<EmbeddedServer> =>
    startPostgres({
      dataDir: join(folder, 'data'),
      logFile: join(folder, 'log'),
      port,
    });
  let server = await start(await steadyPort());
  let hasEnded = false;
  const noteEnd = (): void => void server.exited.then(() => (hasEnded = true));
  noteEnd();
  const adminUrl = new URL(server.url);
  adminUrl.pathname = '/tenantry';
  await migrateAll({ adminUrl: adminUrl.href, masterKey });
  const serviceUrl = new URL(adminUrl);
  serviceUrl.username = '';
  serviceUrl.password = '';
  return {
    adminUrl: adminUrl.href,
    serviceUrl: serviceUrl.href,
    async kill(): Promise<void> {
      process.kill(-server.pid, 'SIGKILL');
      await server.exited;
    },
    /** Backends outlive their server for as long as their statement runs, and another one waits for the memory they share. */
    async restart(): Promise<void> {
      server = await eventually(() => start(server.port));
      hasEnded = false;
      noteEnd();
    },
    hasEnded: () => hasEnded,
    async close(): Promise<void> {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
