import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeConfigurationSecret } from '@tenantry/databases/secrets/configuration-secrets.ts';
import { describe, expect, it } from 'vitest';
import { keptMasterKey } from './kept-secret.ts';
import { masterKeyFile, readSettings, takeSettings } from './settings.ts';

describe('The settings of npm start', () => {
  it('are the documented ports and folder when nothing is set, or set but empty', () => {
    const settings = readSettings({ TENANTRY_PORT_OFFSET: '', DATABASE_URL: '', TENANTRY_DATA_DIR: '' });
    expect(settings).toEqual(readSettings({}));
    expect(settings.ports).toMatchObject({
      gateway: 8000,
      hub: 8010,
      users: 8021,
      billing: 8025,
      midtrans: 9001,
      smtp: 9025,
    });
    expect(settings.publicUrl).toBe('http://localhost:8000');
    expect(settings.dataDir).toBe(`${settings.root}.tenantry`);
    expect(settings.external.postgres).toBeUndefined();
  });

  it('move every port by one offset, and the public address with them', () => {
    const { ports, publicUrl } = readSettings({ TENANTRY_PORT_OFFSET: '10000' });
    expect(Object.values(ports)).toEqual(Object.values(readSettings({}).ports).map((port) => port + 10_000));
    expect(publicUrl).toBe('http://localhost:18000');
  });

  it.each([
    [{ TENANTRY_PORT_OFFSET: 'ten' }, 'TENANTRY_PORT_OFFSET must be'],
    [{ TENANTRY_PORT_OFFSET: '-1' }, 'TENANTRY_PORT_OFFSET must be'],
    [{ TENANTRY_MASTER_KEY: 'short' }, 'TENANTRY_MASTER_KEY must be'],
    [{ DATABASE_URL: 'localhost:5432' }, 'DATABASE_URL must be: postgres:// or postgresql://'],
    [{ NATS_URL: 'http://localhost' }, 'NATS_URL must be: nats:// or tls://'],
  ])('refuse %j in a sentence', (environment, sentence) => {
    expect(() => readSettings(environment)).toThrow(sentence);
  });

  it('take a secret that was kept under the key of an earlier start', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'tenantry-settings-'));
    try {
      const environment = { TENANTRY_DATA_DIR: dataDir, REDIS_URL: 'secret:redis-url' };
      expect(() => readSettings(environment)).toThrow('cannot be opened without a valid TENANTRY_MASTER_KEY');
      const masterKey = keptMasterKey(masterKeyFile(dataDir));
      await writeConfigurationSecret({ dataDir, masterKey }, 'redis-url', 'redis://:pass@db:6379');
      expect(readSettings(environment).external.redis).toBe('redis://:pass@db:6379');
      const given = { ...environment, TENANTRY_MASTER_KEY: masterKey.toUpperCase() };
      expect(readSettings(given).external.redis).toBe('redis://:pass@db:6379');
    } finally {
      rmSync(dataDir, { recursive: true, force: true });
    }
  });

  it('leave nothing in the environment of children that they referred to', () => {
    const environment = {
      TENANTRY_MASTER_KEY: 'env:KEY',
      KEY: 'ab'.repeat(32),
      OTHER: 'stays',
      REDIS_URL: 'redis://r',
    };
    expect(takeSettings(environment).masterKey).toBe('ab'.repeat(32));
    expect(environment).toEqual({ TENANTRY_MASTER_KEY: 'env:KEY', OTHER: 'stays', REDIS_URL: 'redis://r' });
  });

  it('never repeat a secret in a refusal', () => {
    expect(() => readSettings({ TENANTRY_MASTER_KEY: 'not-so-secret' })).toThrow(/^((?!not-so-secret).)*$/s);
  });
});
