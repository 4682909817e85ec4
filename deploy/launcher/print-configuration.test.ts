import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { printConfigurations } from './print-configuration.ts';
import { listPrograms, listSingle } from './programs.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenantry-print-config-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SERVICES = ['hub', 'users', 'subscriptions', 'payments', 'notifications', 'billing', 'gateway'];
const { TENANTRY_CONFIG_FILE: _, ...machine } = process.env;

function fileWith(content: unknown): string {
  const file = join(folder, 'configuration.json');
  writeFileSync(file, JSON.stringify(content));
  return file;
}

// Each test starts the seven services once, on what may be a busy machine.
describe('npm start -- --print-config', { timeout: 120_000 }, () => {
  it('says how everything would be configured, without a secret and without a trace', async () => {
    const dataDir = join(folder, 'data');
    const printed = await printConfigurations(listPrograms, {
      ...machine,
      TENANTRY_DATA_DIR: dataDir,
      TENANTRY_PORT_OFFSET: '100',
      TENANTRY_MASTER_KEY: 'ab'.repeat(32),
      TENANTRY_OPERATOR_PASSWORD: 'env:OPERATOR',
      OPERATOR: 'hunter2-of-the-operator',
      DATABASE_URL: 'postgres://admin:hunter2@127.0.0.1/tenantry',
      REDIS_URL: 'redis://:hunter2@127.0.0.1:7000',
      TENANTRY_CONFIG_FILE: fileWith({ LOG_LEVEL: 'warn', billing: { INVOICE_TERM_DAYS: 30 }, launcher: {} }),
    });
    expect(printed.problems).toBe('');
    expect(printed.isValid).toBe(true);
    expect([...printed.output.matchAll(/^Configuration of (\w+)/gm)].map(([, name]) => name)).toEqual([
      'launcher',
      ...SERVICES,
    ]);
    expect(printed.output).toMatch(/^INVOICE_TERM_DAYS +30 +file /m);
    expect(printed.output.match(/^LOG_LEVEL +warn +file /gm)).toHaveLength(7);
    expect(printed.output).toMatch(/^PORT +8100 +environment /m);
    expect(printed.output).toMatch(/^TENANTRY_OPERATOR_PASSWORD +\(set\) +reference env:OPERATOR /m);
    expect(printed.output).toMatch(/^DATABASE_URL +postgres:\/\/\*\*\*@127.0.0.1\/tenantry +environment /m);
    expect(printed.output).not.toMatch(/hunter2|abab/);
    expect(existsSync(dataDir)).toBe(false);
    expect(readdirSync(folder)).toEqual(['configuration.json']);
  });

  it('says the same of one process', async () => {
    const printed = await printConfigurations(listSingle, {
      ...machine,
      TENANTRY_DATA_DIR: join(folder, 'data'),
      TENANTRY_PORT_OFFSET: '100',
      TENANTRY_MASTER_KEY: 'ab'.repeat(32),
      TENANTRY_OPERATOR_PASSWORD: 'hunter2-of-the-operator',
      TENANTRY_CONFIG_FILE: fileWith({ gateway: { GATEWAY_PROCESSES: 4 } }),
    });
    expect(printed.problems).toBe('');
    expect([...printed.output.matchAll(/^Configuration of (\w+)/gm)].map(([, name]) => name)).toEqual([
      'launcher',
      ...SERVICES,
    ]);
    const ports = [...printed.output.matchAll(/^PORT +(\d+) +environment /gm)].map(([, port]) => Number(port));
    expect(ports).toEqual([8110, 8121, 8122, 8123, 8124, 8125, 8100]);
    expect(printed.output).toMatch(/^GATEWAY_PROCESSES +1 +environment /m);
    expect(printed.output).not.toMatch(/hunter2|abab/);
    const wrong = await printConfigurations(listSingle, {
      ...machine,
      TENANTRY_CONFIG_FILE: fileWith({ users: { MAIL_FORM: 'x' }, billing: { INVOICE_TERM_DAYS: -1 } }),
    });
    expect(wrong.isValid).toBe(false);
    expect(wrong.problems).toContain('users: The configuration has 1 problem(s):\n');
    expect(wrong.problems).toContain('billing: The configuration has 1 problem(s):\n  INVOICE_TERM_DAYS must be');
  });

  it('lists what is wrong with the launcher and with every service', async () => {
    const printed = await printConfigurations(listPrograms, {
      ...machine,
      TENANTRY_PORT_OFFSET: 'ten',
      TENANTRY_CONFIG_FILE: fileWith({ users: { MAIL_FORM: 'x' }, billing: { INVOICE_TERM_DAYS: -1 } }),
    });
    expect(printed.isValid).toBe(false);
    expect(printed.problems).toContain('launcher: The configuration has 1 problem(s):\n  TENANTRY_PORT_OFFSET must be');
    expect(printed.problems).toContain('users: The configuration has 1 problem(s):\n');
    expect(printed.problems).toContain('"MAIL_FORM" in "users" is not a setting of it (did you mean MAIL_FROM?)');
    expect(printed.problems).toContain('billing: The configuration has 1 problem(s):\n  INVOICE_TERM_DAYS must be');
  });
});
