import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeConfigurationSecret } from '@tenantry/databases/secrets/configuration-secrets.ts';
import fc from 'fast-check';
import { Type } from 'typebox';
import { afterAll, describe, expect, it } from 'vitest';
import { SecretText } from './configuration/secrecy.ts';
import { CommonConfiguration, ConfigurationError, defineConfiguration, StoreConfiguration } from './configuration.ts';

const billing = defineConfiguration(
  'billing',
  Type.Object({
    ...CommonConfiguration,
    ...StoreConfiguration,
    PORT: Type.Integer({ minimum: 0, maximum: 65_535, default: 8025, description: 'Port to listen on' }),
    DEBUG: Type.Boolean({ default: false }),
    PASSWORD: SecretText({ default: '' }),
  }),
);
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
    billing.read(environment);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message;
    throw error;
  }
  throw new Error('It was accepted.');
}

describe('A configuration', () => {
  it('is what the environment says, and the defaults for the rest, each of its type', () => {
    const configuration = billing.read({ ...complete, PORT: '9000', DEBUG: 'true', HOME: '/root' });
    expect(configuration).toMatchObject({
      ...complete,
      SECRETS_ENGINE: 'file',
      SERVES_TENANTS: '',
      TRACE_SAMPLE_RATIO: 0.05,
      TRACE_SLOW_MS: 2_000,
      TRACE_REQUESTED_PER_SECOND: 10,
      TRACE_RETENTION_DAYS: 7,
      OTEL_EXPORTER_OTLP_ENDPOINT: '',
      OTEL_EXPORTER_OTLP_HEADERS: '',
      INSTANCE_WEIGHT: 1,
      HOST: '127.0.0.1',
      PORT: 9000,
      DEBUG: true,
      PUBLIC_URL: 'http://localhost:8000',
      TENANTRY_NAMESPACE: '',
      MESH_TLS: 'required',
      MESH_PORT: 0,
      TENANTRY_ENVIRONMENT: 'production',
      LOG_LEVEL: 'info',
      CLICKHOUSE_URL: '',
      TENANT_DATABASES: '',
      TENANT_PLACEMENTS: '',
      PASSWORD: '',
    });
  });

  it('takes the environment over the file, and the file over the defaults', () => {
    const file = fileWith(JSON.stringify({ ...complete, PORT: 7000, LOG_LEVEL: 'warn', HOST: '0.0.0.0' }));
    const configuration = billing.read({ TENANTRY_CONFIG_FILE: file, LOG_LEVEL: 'error' });
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

  it('never shows a value, whatever it is and wherever it stands', () => {
    const names = Object.keys(complete).concat('PORT', 'LOG_LEVEL', 'TENANTRY_NAMESPACE', 'DEBUG', 'PASSWORD');
    const text = fc
      .tuple(fc.string({ unit: 'binary', maxLength: 5 }), fc.string({ unit: 'binary', maxLength: 5 }))
      .map(([before, after]) => `${before}hunter2${after}`);
    const value = fc.oneof(text, fc.array(text), fc.record({ hunter3: text }));
    fc.assert(
      fc.property(
        fc.record(Object.fromEntries(names.map((name) => [name, text])), { requiredKeys: [] }),
        fc.record(Object.fromEntries([...names, 'hub', 'billing', 'NOBODYS'].map((name) => [name, value])), {
          requiredKeys: ['NOBODYS'],
        }),
        (environment, content) => {
          const path = join(folder, 'any.json');
          writeFileSync(path, JSON.stringify(content));
          expect(messageOf({ ...environment, TENANTRY_CONFIG_FILE: path })).not.toContain('hunter2');
        },
      ),
    );
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

describe('The configuration file', () => {
  it('has a common part and a section for each program, which overrides it; the environment overrides both', () => {
    const file = fileWith(
      JSON.stringify({
        ...complete,
        LOG_LEVEL: 'warn',
        HOST: '0.0.0.0',
        TENANTRY_NAMESPACE: 'common',
        billing: { LOG_LEVEL: 'error', PORT: 1234, TENANTRY_NAMESPACE: 'own', DEBUG: true },
        users: { LOG_LEVEL: 'trace', PORT: 4321, WHATEVER: 'is for users to judge' },
      }),
    );
    const read = billing.read({ TENANTRY_CONFIG_FILE: file, TENANTRY_NAMESPACE: 'environment' });
    expect(read).toMatchObject({
      LOG_LEVEL: 'error',
      PORT: 1234,
      HOST: '0.0.0.0',
      DEBUG: true,
      TENANTRY_NAMESPACE: 'environment',
    });
  });

  it('is refused for what nobody reads, with the name that was meant, beside everything else that is wrong', () => {
    const file = fileWith(
      JSON.stringify({
        ...complete,
        LOG_LEVLE: 'hunter2',
        SMTP_URL: 'hunter2',
        gatway: { PORT: 'hunter2' },
        hub: 'hunter2',
        billing: { port: 'hunter2', HUB_URL: 5 },
        [`${'long'.repeat(1_000)}`]: 'hunter2',
      }),
    );
    const message = messageOf({ TENANTRY_CONFIG_FILE: file, PORT: 'x' });
    expect(message).toContain(
      'TENANTRY_CONFIG_FILE: "LOG_LEVLE" is not a setting of billing (did you mean LOG_LEVEL?)',
    );
    expect(message).toContain('"SMTP_URL" is not a setting of billing; what only another program reads');
    expect(message).toContain('"gatway" is no program of this system (did you mean gateway?)');
    expect(message).toContain('"hub" must be an object with the settings of hub');
    expect(message).toContain('"port" in "billing" is not a setting of it (did you mean PORT?)');
    expect(message).toContain('HUB_URL must be string');
    expect(message).toContain('PORT must be integer');
    expect(message).toContain('8 problem(s)');
    expect(message).not.toContain('hunter2');
    expect(message.length).toBeLessThan(2_000);
  });

  it('that cannot be read makes nothing missing, but does not hide what is wrong elsewhere', () => {
    const message = messageOf({ TENANTRY_CONFIG_FILE: join(folder, 'missing.json'), PORT: 'x' });
    expect(message).toContain('2 problem(s)');
    expect(message).toContain('PORT must be integer');
  });
});

describe('A reference', () => {
  const secretFile = (text: string) => fileWith(text);

  it('stands for what is in a file, in another variable, or in the encrypted secrets', async () => {
    const dataDir = mkdtempSync(join(folder, 'data-'));
    await writeConfigurationSecret({ dataDir, masterKey: SECRET }, 'redis-url', 'redis://:hunter2@db');
    const read = billing.read({
      ...complete,
      TENANTRY_DATA_DIR: dataDir,
      TENANTRY_MASTER_KEY: `file:${secretFile(`${SECRET}\n`)}`,
      PASSWORD: 'env:OTHER',
      OTHER: 'env:TAKEN_AS_IT_STANDS',
      REDIS_URL: 'secret:redis-url',
    });
    expect(read).toMatchObject({
      TENANTRY_MASTER_KEY: SECRET,
      PASSWORD: 'env:TAKEN_AS_IT_STANDS',
      REDIS_URL: 'redis://:hunter2@db',
    });
  });

  it('may stand in the file too; what it finds is checked like any other value', () => {
    const file = fileWith(JSON.stringify({ ...complete, billing: { TENANTRY_MASTER_KEY: 'env:KEY' } }));
    expect(billing.read({ TENANTRY_CONFIG_FILE: file, KEY: SECRET }).TENANTRY_MASTER_KEY).toBe(SECRET);
    const message = messageOf({ TENANTRY_CONFIG_FILE: file, KEY: 'hunter2' });
    expect(message).toContain('TENANTRY_MASTER_KEY must be: 64 hexadecimal digits');
    expect(message).not.toContain('hunter2');
  });

  it('that cannot be resolved ends the start; field and reference are named, and it is not called missing', async () => {
    const dataDir = mkdtempSync(join(folder, 'data-'));
    await writeConfigurationSecret({ dataDir, masterKey: 'cd'.repeat(32) }, 'foreign', 'hunter2');
    const empty = secretFile('\n');
    const message = messageOf({
      ...complete,
      TENANTRY_DATA_DIR: dataDir,
      NATS_URL: 'file:/nowhere/nats',
      DATABASE_URL: 'env:NOT_THERE',
      REDIS_URL: 'secret:foreign',
      CLICKHOUSE_URL: 'secret:never-kept',
      PASSWORD: `file:${empty}`,
    });
    expect(message.split('\n').slice(1).toSorted()).toEqual([
      '  CLICKHOUSE_URL refers to secret:never-kept, which was never kept in TENANTRY_DATA_DIR',
      '  DATABASE_URL refers to env:NOT_THERE, which is not set',
      '  NATS_URL refers to file:/nowhere/nats, which cannot be read (ENOENT)',
      `  PASSWORD refers to file:${empty}, which is empty`,
      '  REDIS_URL refers to secret:foreign, which is damaged, or was kept under another TENANTRY_MASTER_KEY',
    ]);
  });

  it('to the encrypted secrets needs the master key, which cannot be one of them', () => {
    const message = messageOf({ ...complete, TENANTRY_MASTER_KEY: 'secret:key', PASSWORD: 'secret:password' });
    expect(message).toContain('TENANTRY_MASTER_KEY cannot be kept in the store that it opens');
    expect(message).toContain('PASSWORD refers to secret:password, which cannot be opened without a valid');
  });

  it.each(['file:relative-hunter2', 'env:hunter2-x', 'secret:../hunter2', 'env:', 'file:/a\nhunter2'])(
    'has one of three forms; %j is refused and not repeated, for it may be a secret',
    (text) => {
      const message = messageOf({ ...complete, PASSWORD: text });
      expect(message).toContain('  PASSWORD begins like a reference and is none; write file:/absolute/path');
      expect(message).not.toContain('hunter2');
    },
  );

  it('is an ordinary text where no secret is expected', () => {
    expect(billing.read({ ...complete, HOST: 'env:HOME', HOME: '/root' }).HOST).toBe('env:HOME');
  });
});
