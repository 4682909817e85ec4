import { spawnSync } from 'node:child_process';
import { readFileSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type LaunchedSystem, launchSystem, SYSTEM_OPERATOR_PASSWORD } from '../support/launched-system.ts';

const PROGRAM = fileURLToPath(new URL('../../deploy/rotate-keys.ts', import.meta.url));

let system: LaunchedSystem;
beforeAll(async () => {
  system = await launchSystem({ UPSTREAM_ALLOWED_NETWORKS: '127.0.0.0/8' });
});
afterAll(() => system.destroy());

type Answer = { readonly status: number; readonly isReplayed: boolean; readonly body: Record<string, unknown> };

async function ask(method: string, path: string, token: string | null, body?: object, key?: string): Promise<Answer> {
  const answer = await fetch(`${system.addresses.gateway}${path}`, {
    method,
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(key === undefined ? {} : { 'idempotency-key': key }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const isReplayed = answer.headers.get('idempotency-replayed') === 'true';
  return { status: answer.status, isReplayed, body: (await answer.json()) as Record<string, unknown> };
}

function rotateKeys(command: string) {
  const { TENANTRY_MASTER_KEY: _, DATABASE_URL: __, ...environment } = process.env;
  const ran = spawnSync(process.execPath, [PROGRAM, command], {
    encoding: 'utf8',
    env: { ...environment, TENANTRY_DATA_DIR: system.dataDir },
  });
  expect([ran.status, ran.stderr]).toEqual([0, '']);
  return ran.stdout;
}

const keyFile = () => join(system.dataDir, 'master.key');
const masterKey = (): string => readFileSync(keyFile(), 'utf8').trim();

it('survives another master key: who was signed in is, what was asked once is done once, what was sealed opens', async () => {
  const credentials = { tenant: 'platform', email: 'operator@tenantry.local', password: SYSTEM_OPERATOR_PASSWORD };
  const token = String((await ask('POST', '/v1/auth/login', null, credentials)).body['accessToken']);
  const tenant = {
    ...{ slug: 'acme', name: 'Acme Trading', country: 'ID', currency: 'IDR', timeZone: 'Asia/Jakarta', mode: 'test' },
    ...{ tax: { registered: false } },
    admin: { email: 'owner@acme.test', password: 'a rather long passphrase', name: 'Owner' },
  };
  const upstream = {
    ...{ name: 'Shop', targets: [{ url: 'http://127.0.0.1:9' }] },
    secretHeaders: [{ name: 'x-shop-key', value: 'only the shop knows' }],
  };
  const steps = [
    ['/v1/tenants', tenant, 'of users'],
    ['/v1/upstreams', upstream, 'of-the-gateway'],
  ] as const;
  const first: Answer[] = [];
  for (const [path, body, key] of steps) first.push(await ask('POST', path, token, body, key.replaceAll(' ', '-')));
  expect(first).toMatchObject([
    { status: 201, isReplayed: false },
    { status: 201, isReplayed: false },
  ]);

  const old = masterKey();
  expect(await system.stop()).toBe(0);
  expect(rotateKeys('master')).toContain('There is a new master key');
  const [current = '', previous] = masterKey().split(',');
  expect([current === old, previous]).toEqual([false, old]);
  await system.start();

  // The token was signed with the key before, and both are published.
  expect((await ask('GET', '/v1/me', token)).status).toBe(200);
  expect((await ask('GET', '/.well-known/jwks.json', null)).body['keys']).toHaveLength(2);
  for (const [index, [path, body, key]] of steps.entries()) {
    const again = await ask('POST', path, token, body, key.replaceAll(' ', '-'));
    expect(again).toEqual({ ...first[index], isReplayed: true });
  }
  const id = String(first[1]?.body['id']);
  expect((await ask('GET', `/v1/upstreams/${id}`, token)).body['secretHeaders']).toEqual([
    { name: 'x-shop-key', isSet: true },
  ]);

  // A day later.
  utimesSync(keyFile(), new Date(), new Date(Date.now() - 26 * 3_600_000));
  expect(rotateKeys('retire')).toContain('Retired the previous master key');
  expect(masterKey()).toBe(current);
});
