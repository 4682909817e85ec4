import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deriveClusterToken } from '@tenantry/databases/credentials.ts';
import { openSingle, PARTS } from '@tenantry/deploy/single/open-single.ts';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { copyTemplate } from '../support/database.ts';
import { steadyPort } from '../support/steady-port.ts';

const NOWHERE = 'http://127.0.0.1:1';
let environment: NodeJS.ProcessEnv;
let ports: Record<string, number>;
const closers: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  const namespace = `t${randomBytes(5).toString('hex')}`;
  const database = await copyTemplate(inject('postgresUrl'), namespace);
  closers.push(() => database.drop());
  const dataDir = await mkdtemp(join(tmpdir(), 'tenantry-single-'));
  closers.push(() => rm(dataDir, { recursive: true, force: true }));
  ports = {};
  for (const { name } of PARTS) ports[name] = await steadyPort();
  environment = {
    DATABASE_URL: database.serviceUrl,
    REDIS_URL: inject('redisUrl'),
    NATS_URL: inject('natsUrl'),
    CLICKHOUSE_URL: inject('clickhouseUrl'),
    HUB_URL: `http://127.0.0.1:${ports['hub']}`,
    PUBLIC_URL: `http://127.0.0.1:${ports['gateway']}`,
    TENANTRY_MASTER_KEY: inject('masterKey'),
    TENANTRY_DATA_DIR: dataDir,
    TENANTRY_NAMESPACE: namespace,
    TENANTRY_ENVIRONMENT: 'development',
    TENANTRY_OPERATOR_PASSWORD: 'operator of one process',
    LOG_LEVEL: 'silent',
    ...{ MIDTRANS_URL: NOWHERE, TELEGRAM_URL: NOWHERE, MAILBOX_URL: NOWHERE, SMTP_URL: 'smtp://127.0.0.1:1' },
    ...Object.fromEntries(Object.entries(ports).map(([name, port]) => [`${name.toUpperCase()}_PORT`, String(port)])),
  };
});
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const isOpen = (name: string): Promise<boolean> =>
  fetch(`http://127.0.0.1:${ports[name]}/health/live`).then(
    (answer) => answer.ok,
    () => false,
  );
const openParts = async () => {
  const open = await Promise.all(PARTS.map(async ({ name }) => ((await isOpen(name)) ? [name] : [])));
  return open.flat();
};

describe('Hub, services and gateway in one process', { timeout: 90_000 }, () => {
  it('open in their order, are known to each other, and close', async () => {
    const single = await openSingle(environment);
    closers.push(single.close);
    expect(await openParts()).toEqual(PARTS.map(({ name }) => name));
    await expect
      .poll(async () => (await fetch(`${single.urls['gateway']}/health/ready`)).status, { timeout: 30_000 })
      .toBe(200);
    const answer = await fetch(`${single.urls['hub']}/v1/registry/instances`, {
      headers: { authorization: `Bearer ${deriveClusterToken(inject('masterKey'))}` },
    });
    const { data } = (await answer.json()) as { data: { service: string; meshUrl?: string }[] };
    expect(data.map(({ service }) => service).toSorted()).toEqual(PARTS.map(({ name }) => name).toSorted());
    await single.close();
    expect(await openParts()).toEqual([]);
  });

  it('name the one that cannot be opened, and leave nothing open', async () => {
    const holder: Server = createServer().listen(ports['billing'], '127.0.0.1');
    closers.push(async () => holder.close());
    await expect(openSingle(environment)).rejects.toThrow(/^billing could not be opened: .*EADDRINUSE/);
    holder.close();
    expect(await openParts()).toEqual([]);
  });

  it('say all at once what is wrong with their configurations, and open none', async () => {
    const { SMTP_URL: _, ...lacking } = environment;
    await expect(openSingle({ ...lacking, PAYMENTS_PORT: 'eighty' })).rejects.toThrow(
      /users: The configuration has 1 problem[\s\S]*SMTP_URL[\s\S]*payments: The configuration has 1 problem[\s\S]*PORT/,
    );
    expect(await openParts()).toEqual([]);
  });
});
