import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, describe, expect, it } from 'vitest';
import { startPostgres } from './embedded/postgres.ts';

const PROGRAM = fileURLToPath(new URL('rotate-keys.ts', import.meta.url));
const dataDir = mkdtempSync(join(tmpdir(), 'tenantry-rotate-keys-'));
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

const rotate = (environment: Record<string, string> = {}) =>
  spawnSync(process.execPath, [PROGRAM, 'rotate'], {
    encoding: 'utf8',
    env: {
      ...process.env,
      DATABASE_URL: '',
      TENANTRY_DATA_DIR: dataDir,
      TENANTRY_MASTER_KEY: 'ab'.repeat(32),
      ...environment,
    },
  });

// What it does to keys is told in tests/integration/key-rotation.test.ts.
describe('rotate-keys', () => {
  it('says what is missing: the master key, the first start, a PostgreSQL that answers', () => {
    expect(rotate({ TENANTRY_MASTER_KEY: '' })).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('no master key'),
    });
    expect(rotate()).toMatchObject({ status: 1, stderr: expect.stringContaining('Start once with npm start') });
    expect(rotate({ DATABASE_URL: 'postgres://postgres@127.0.0.1:1/tenantry' })).toMatchObject({
      status: 1,
      stderr: 'PostgreSQL does not answer. Rotate keys while Tenantry is running.\n',
    });
  });

  it('finds the embedded PostgreSQL of a launcher that is running', async () => {
    const server = await startPostgres({
      dataDir: join(dataDir, 'postgresql'),
      logFile: join(dataDir, 'postgresql.log'),
      tuning: 'fast',
    });
    try {
      writeFileSync(join(dataDir, 'ports.json'), JSON.stringify({ postgresql: server.port }));
      const client = new pg.Client({ connectionString: server.url });
      await client.connect();
      await client.query('create database tenantry');
      await client.end();
      expect(rotate()).toMatchObject({ status: 0, stdout: expect.stringContaining('Began generation 1.'), stderr: '' });
    } finally {
      await server.stop();
    }
  }, 120_000);
});
