import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Type } from 'typebox';
import { afterAll, describe, expect, it } from 'vitest';
import { CommonConfiguration, ConfigurationError, readConfiguration, StoreConfiguration } from './configuration.ts';

const Schema = Type.Object({
  ...CommonConfiguration,
  ...StoreConfiguration,
  PORT: Type.Integer({ minimum: 0, maximum: 65_535, default: 8025, description: 'Port to listen on' }),
  DEBUG: Type.Boolean({ default: false }),
});
const SECRET = 'ab'.repeat(32);
const complete = {
  NATS_URL: 'nats://127.0.0.1:4222',
  HUB_URL: 'http://127.0.0.1:8010',
  TENANTRY_MASTER_KEY: SECRET,
  TENANTRY_DATA_DIR: '/data',
  DATABASE_URL: 'postgres://127.0.0.1/tenantry',
  REDIS_URL: 'redis://127.0.0.1',
};
const folder = mkdtempSync(join(tmpdir(), 'tenantry-configuration-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function fileWith(text: string): string {
  const path = join(folder, `${Math.random()}.json`);
  writeFileSync(path, text);
  return path;
}

function messageOf(environment: NodeJS.ProcessEnv): string {
  try {
    readConfiguration(Schema, environment);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message;
    throw error;
  }
  throw new Error('It was accepted.');
}

describe('A configuration', () => {
  it('is what the environment says, and the defaults for the rest, each of its type', () => {
    const configuration = readConfiguration(Schema, { ...complete, PORT: '9000', DEBUG: 'true', HOME: '/root' });
    expect(configuration).toEqual({
      ...complete,
      HOST: '127.0.0.1',
      PORT: 9000,
      DEBUG: true,
      PUBLIC_URL: 'http://localhost:8000',
      TENANTRY_NAMESPACE: '',
      TENANTRY_ENVIRONMENT: 'production',
      LOG_LEVEL: 'info',
      CLICKHOUSE_URL: '',
    });
  });

  it('takes the environment over the file, and the file over the defaults', () => {
    const file = fileWith(JSON.stringify({ ...complete, PORT: 7000, LOG_LEVEL: 'warn', HOST: '0.0.0.0', unknown: 1 }));
    const configuration = readConfiguration(Schema, { TENANTRY_CONFIG_FILE: file, LOG_LEVEL: 'error' });
    expect(configuration).toMatchObject({ ...complete, PORT: 7000, LOG_LEVEL: 'error', HOST: '0.0.0.0', DEBUG: false });
  });

  it('tells everything that is wrong at once, one line each, with what would be right', () => {
    const message = messageOf({
      ...complete,
      NATS_URL: undefined,
      HUB_URL: undefined,
      PORT: '80a',
      LOG_LEVEL: 'loud',
      TENANTRY_NAMESPACE: 'Not Allowed',
      DEBUG: 'yes',
    });
    const [head = '', ...lines] = message.split('\n');
    expect(head).toContain('6 problem(s)');
    expect(lines).toHaveLength(6);
    const lineOf = (name: string) => lines.find((line) => line.startsWith(`  ${name} `));
    expect(lineOf('NATS_URL')).toBe('  NATS_URL is required (nats://host:port)');
    expect(lineOf('HUB_URL')).toContain('is required');
    expect(lineOf('PORT')).toBe('  PORT must be integer (Port to listen on)');
    expect(lineOf('LOG_LEVEL')).toContain('"trace" or "debug" or "info"');
    expect(lineOf('TENANTRY_NAMESPACE')).toContain('Keeps two systems on the same stores apart');
    expect(lineOf('DEBUG')).toContain('must be boolean');
  });

  it.each(['', ' 80', '8e1', '0x50', '80.5', '-1', '65536', 'true'])('takes no %j for a port', (port) => {
    expect(messageOf({ ...complete, PORT: port })).toMatch(/^The configuration has 1 problem\(s\):\n {2}PORT /);
  });

  it('never shows a value', () => {
    const environment = {
      ...complete,
      TENANTRY_MASTER_KEY: 'hunter2-secret',
      PORT: 'hunter2-port',
      LOG_LEVEL: 'hunter2',
    };
    expect(messageOf(environment)).not.toContain('hunter2');
  });

  it('says of a file that cannot be read which, and of one that is no JSON nothing of what it holds', () => {
    const missing = join(folder, 'missing.json');
    expect(messageOf({ TENANTRY_CONFIG_FILE: missing })).toContain(missing);
    for (const text of ['hunter2', '{"TENANTRY_MASTER_KEY": "hunter2", ', '["hunter2"]', '"hunter2"', 'null', '']) {
      const message = messageOf({ TENANTRY_CONFIG_FILE: fileWith(text) });
      expect(message).toContain('TENANTRY_CONFIG_FILE must hold one JSON object');
      expect(message).not.toContain('hunter2');
    }
  });
});
