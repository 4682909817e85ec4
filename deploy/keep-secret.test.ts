import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readConfigurationSecret } from '@tenantry/databases/secrets/configuration-secrets.ts';
import { afterAll, describe, expect, it } from 'vitest';

const PROGRAM = fileURLToPath(new URL('keep-secret.ts', import.meta.url));
const dataDir = mkdtempSync(join(tmpdir(), 'tenantry-keep-secret-'));
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));
const masterKey = 'ab'.repeat(32);

const keep = (name: string, input: string, environment: Record<string, string> = { TENANTRY_MASTER_KEY: masterKey }) =>
  spawnSync(process.execPath, [PROGRAM, name], {
    input,
    encoding: 'utf8',
    env: { ...process.env, TENANTRY_DATA_DIR: dataDir, TENANTRY_MASTER_KEY: '', ...environment },
  });

describe('keep-secret', () => {
  it('keeps what comes in for a configuration to refer to, and does not say it again', () => {
    const ran = keep('redis-url', 'redis://:hunter2@db\n');
    expect(ran).toMatchObject({ status: 0, stdout: 'Kept. Refer to it as secret:redis-url.\n', stderr: '' });
    expect(readConfigurationSecret({ dataDir, masterKey }, 'redis-url')).toBe('redis://:hunter2@db');
  });

  it('refuses a bad name, nothing at all, and to make a master key of its own', () => {
    expect(keep('../x', 'hunter2')).toMatchObject({ status: 1, stderr: expect.stringContaining('Usage:') });
    expect(keep('empty', '\n')).toMatchObject({ status: 1, stderr: expect.stringContaining('nothing was kept') });
    expect(keep('x', 'hunter2', {})).toMatchObject({ status: 1, stderr: expect.stringContaining('no master key') });
    expect(existsSync(join(dataDir, 'master.key'))).toBe(false);
  });
});
