import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { newId } from '@tenantry/kernel/id.ts';
import { afterAll, describe, expect, it } from 'vitest';
import { startPostgres } from './embedded/postgres.ts';
import { migrateAll } from './migrate/migrate.ts';

const PROGRAM = fileURLToPath(new URL('rebuild.ts', import.meta.url));
const MASTER_KEY = 'ab'.repeat(32);
const dataDir = mkdtempSync(join(tmpdir(), 'tenantry-rebuild-'));
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

const rebuild = (...words: string[]) =>
  spawnSync(process.execPath, [PROGRAM, ...words], {
    encoding: 'utf8',
    env: { ...process.env, DATABASE_URL: '', TENANTRY_DATA_DIR: dataDir, TENANTRY_MASTER_KEY: MASTER_KEY },
  });

// What it does to rows is told in each service's tests.
describe('rebuild', () => {
  it('says what it wants: a service, a tenant, a position, a system', () => {
    const refused = (text: string) => ({ status: 1, stderr: expect.stringContaining(text) });
    expect(rebuild()).toMatchObject(refused('Usage: '));
    expect(rebuild('users', newId('ten'))).toMatchObject(refused('subscriptions | payments | billing <tenant id>'));
    expect(rebuild('billing', newId('ten'))).toMatchObject(refused('Start once with npm start'));
  });

  it('finds the embedded PostgreSQL of a launcher that is running, and signs in as the service', async () => {
    const server = await startPostgres({
      dataDir: join(dataDir, 'postgresql'),
      logFile: join(dataDir, 'postgresql.log'),
      tuning: 'fast',
    });
    try {
      writeFileSync(join(dataDir, 'ports.json'), JSON.stringify({ postgresql: server.port }));
      const adminUrl = new URL(server.url);
      adminUrl.pathname = '/tenantry';
      await migrateAll({ adminUrl: adminUrl.href, masterKey: MASTER_KEY });
      const tenant = newId('ten');
      for (const service of ['subscriptions', 'payments', 'billing'])
        expect(rebuild(service, tenant, '0')).toMatchObject({
          status: 0,
          stdout: `${service}: 0 rebuilt for ${tenant}, up to position 0.\n`,
          stderr: '',
        });
      expect(rebuild('billing', 'acme')).toMatchObject({ status: 1, stderr: expect.stringContaining('Name a tenant') });
      expect(rebuild('billing', tenant, '-1')).toMatchObject({
        status: 1,
        stderr: expect.stringContaining('position'),
      });
    } finally {
      await server.stop();
    }
  }, 120_000);
});
