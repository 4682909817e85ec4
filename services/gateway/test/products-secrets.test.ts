import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { BucketMessages } from '@tenantry/events/bucket-messages.ts';
import { connectNats, type Nats } from '@tenantry/events/nats.ts';
import { openRevisedBucket } from '@tenantry/events/revised-bucket.ts';
import { bucketName } from '@tenantry/events/subjects.ts';
import { newId } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { recordKey, UPSTREAMS_BUCKET, type UpstreamRecord } from '../products/records.ts';
import { createSecretHeaders } from '../products/secret-headers.ts';
import { adminToken, call, memberToken, openProduct, type Product, register } from './product-shop.ts';
import { openSetting, type Setting } from './setting.ts';
import { open, openSocketProduct } from './socket-shop.ts';

const SECRET = 'Bearer shop-key-Zq7!';
/** A piece of it that what is sealed cannot have by chance: base64 has no hyphen. */
const IN_CLEAR = 'key-Zq7';
const KEY_HEADER = 'X-Shop-Key';

let setting: Setting;
let nats: Nats;
let gateway: string;
let acme: TenantRecord;
let admin: string;
let shop: Product;
let thief: Product;

beforeAll(async () => {
  setting = await openSetting();
  nats = await connectNats({ url: inject('natsUrl'), name: 'secrets-test', namespace: setting.namespace });
  acme = await setting.tenant();
  admin = adminToken(setting, acme.id);
  gateway = (await setting.gateway({ UPSTREAM_ALLOWED_NETWORKS: '127.0.0.0/8' })).url;
  [shop, thief] = [await openProduct(), await openProduct()];
});
beforeEach(() => {
  shop.answer();
  thief.answer();
});
afterAll(async () => {
  await nats.close();
  await setting.close();
  await Promise.all([shop.close(), thief.close()]);
});

const upstreamBody = (more: object = {}) => ({
  name: 'Shop',
  targets: [{ url: shop.url }],
  secretHeaders: [{ name: KEY_HEADER, value: SECRET }],
  ...more,
});
let paths = 0;
async function openRoute(upstream: object, route: object = {}, at = gateway) {
  const id = await register(at, 'upstreams', admin, upstreamBody(upstream) as Record<string, unknown>);
  const path = `/apps/secret-${++paths}`;
  await register(at, 'routes', admin, { upstreamId: id, methods: ['GET'], path, ...route });
  return {
    id,
    path,
    get: (headers: Record<string, string> = {}) =>
      call(`${at}${path}`, 'GET', memberToken(setting, acme.id), undefined, headers),
    replace: (more: object) => call(`${at}/v1/upstreams/${id}`, 'PUT', admin, upstreamBody(more)),
  };
}
/** What a product heard under a name, as often as it was said. */
const heard = (product: Product, name = KEY_HEADER): (string | undefined)[] =>
  product.seen.flatMap(({ rawHeaders }) =>
    rawHeaders.flatMap((text, i) =>
      i % 2 === 0 && text.toLowerCase() === name.toLowerCase() ? [rawHeaders[i + 1]] : [],
    ),
  );

describe('A secret header of an upstream', () => {
  it('is sent to the product, and shown to nobody who asks', async () => {
    const created = await call(`${gateway}/v1/upstreams`, 'POST', admin, upstreamBody());
    expect(created.body.secretHeaders).toEqual([{ name: 'x-shop-key', isSet: true }]);
    const { id, get, replace } = await openRoute({});
    expect((await get()).status).toBe(200);
    expect(heard(shop)).toEqual([SECRET]);
    const answers = [
      created,
      await call(`${gateway}/v1/upstreams`, 'GET', admin),
      await call(`${gateway}/v1/upstreams/${id}`, 'GET', admin),
      await call(`${gateway}/v1/upstreams/${id}/health`, 'GET', admin),
      await replace({ name: 'Renamed' }),
    ];
    for (const { status, body, headers } of answers) {
      expect(status).toBeLessThan(300);
      expect(JSON.stringify([body, [...headers]])).not.toMatch(/key-Zq7|sealed/);
    }
  });

  it('is what its owner set, whatever the client sends or a route says under its name', async () => {
    const headers = [{ op: 'set', name: 'x-shop-key', value: 'of the route' }];
    const { get } = await openRoute({}, { transform: { request: { headers } } });
    await get({ 'x-shop-key': 'of the client', 'X-SHOP-KEY': 'again' });
    expect(heard(shop)).toEqual([SECRET]);
    const { get: asked } = await openRoute({ secretHeaders: [{ name: 'Authorization', value: SECRET }] });
    await asked();
    expect(heard(shop, 'authorization')).toEqual([SECRET]);
  });

  it('goes with health checks and WebSockets too', async () => {
    const chat = await openSocketProduct();
    const healthCheck = { path: '/well', intervalSeconds: 1, timeoutSeconds: 1, unhealthyAfter: 1, healthyAfter: 1 };
    const { path } = await openRoute({ targets: [{ url: chat.url }] }, { webSocket: true });
    (await open(`${gateway}${path}`, { token: memberToken(setting, acme.id) })).socket.terminate();
    expect(chat.seen[0]?.headers['x-shop-key']).toBe(SECRET);
    await chat.close();
    const { get, replace } = await openRoute({ healthCheck });
    await get();
    await eventually(async () => expect(shop.seen.some(({ url }) => url === '/well')).toBe(true));
    expect(shop.seen.find(({ url }) => url === '/well')?.headers['x-shop-key']).toBe(SECRET);
    await replace({}); // it would go on through the stories that follow
  });

  it('stays when it is not said again, changes when it is, and goes when it is left out', async () => {
    const { get, replace } = await openRoute({});
    const kept = await replace({ name: 'Other', secretHeaders: [{ name: 'x-shop-key' }] });
    expect(kept.body.secretHeaders).toEqual([{ name: 'x-shop-key', isSet: true }]);
    await get();
    expect((await replace({ secretHeaders: [{ name: 'x-shop-key', value: 'next' }] })).status).toBe(200);
    await get();
    expect((await replace({ secretHeaders: [] })).body.secretHeaders).toEqual([]);
    await get({ 'x-shop-key': 'of the client' });
    expect(heard(shop)).toEqual([SECRET, 'next', 'of the client']);
    const unknown = await replace({ secretHeaders: [{ name: 'x-shop-key' }] });
    expect(unknown).toMatchObject({ status: 400, body: { errors: [{ path: '/secretHeaders/0/value' }] } });
  });

  it('cannot be had by leading its upstream to somebody else', async () => {
    const { get, replace } = await openRoute({});
    const secretHeaders = [{ name: 'x-shop-key' }];
    for (const change of [
      { targets: [{ url: thief.url }] },
      { targets: [{ url: shop.url }, { url: thief.url }] },
      { targets: [{ url: shop.url }], tls: null, healthCheck: null, timeoutMs: 500 },
    ]) {
      const isElsewhere = change.targets.some(({ url }) => url === thief.url);
      const answer = await replace({ ...change, secretHeaders });
      expect(answer.status).toBe(isElsewhere ? 400 : 200);
      if (isElsewhere) expect(answer.body.errors).toMatchObject([{ path: '/secretHeaders/0/value' }]);
    }
    await get();
    expect(heard(shop)).toEqual([SECRET]);
    expect(thief.seen).toEqual([]);
    // Nor by making it believe somebody else.
    const secure = await register(gateway, 'upstreams', admin, {
      ...upstreamBody({ targets: [{ url: 'https://localhost:8443' }] }),
    });
    const answer = await call(`${gateway}/v1/upstreams/${secure}`, 'PUT', admin, {
      ...upstreamBody({
        targets: [{ url: 'https://localhost:8443' }],
        secretHeaders,
        tls: { serverName: 'evil.example' },
      }),
    });
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ path: '/secretHeaders/0/value' }] } });
  });

  it('does not open in another record, and without it nothing is sent', async () => {
    const { id } = await openRoute({});
    const bucket = openRevisedBucket<UpstreamRecord>(nats, UPSTREAMS_BUCKET);
    const original = await bucket.get(recordKey({ tenantId: acme.id, id }));
    if (original === null) throw new Error('not stored');
    const rival = await setting.tenant({ slug: 'rival' });
    const copy = { ...original.value, id: newId('ups'), tenantId: rival.id };
    await bucket.create(recordKey(copy), copy);
    const rivalAdmin = adminToken(setting, rival.id);
    const at = `${gateway}/v1/upstreams/${copy.id}`;
    await eventually(async () => expect((await call(at, 'GET', rivalAdmin)).status).toBe(200));
    expect((await call(at, 'GET', rivalAdmin)).body.secretHeaders).toEqual([{ name: 'x-shop-key', isSet: false }]);
    const route = { upstreamId: copy.id, methods: ['GET'], path: '/apps/copied' };
    await register(gateway, 'routes', rivalAdmin, route);
    expect((await call(`${gateway}/apps/copied`, 'GET', rivalAdmin)).status).toBe(503);
    expect(shop.seen).toEqual([]);
    // Keeping what cannot be read is no way to set it.
    const kept = await call(at, 'PUT', rivalAdmin, upstreamBody({ secretHeaders: [{ name: 'x-shop-key' }] }));
    expect(kept).toMatchObject({ status: 400, body: { errors: [{ path: '/secretHeaders/0/value' }] } });
    expect((await call(at, 'PUT', rivalAdmin, upstreamBody())).status).toBe(200);
    await eventually(async () => expect((await call(`${gateway}/apps/copied`, 'GET', rivalAdmin)).status).toBe(200));
    expect(heard(shop)).toEqual([SECRET]);
  });

  it('is not missed in what a release wrote that knew none', async () => {
    const bucket = openRevisedBucket<Partial<UpstreamRecord>>(nats, UPSTREAMS_BUCKET);
    const at = '2026-11-21T09:30:00.000Z';
    const old: Partial<UpstreamRecord> & Pick<UpstreamRecord, 'id' | 'tenantId'> = {
      ...{ id: newId('ups'), tenantId: acme.id, version: 1, createdAt: at, updatedAt: at, name: 'Old' },
      ...{ targets: [{ url: shop.url, weight: 1 }], balancing: 'peak-ewma', hashBy: 'tenant', healthCheck: null },
      ...{ timeoutMs: 1_000, slowStartSeconds: 0 },
    };
    await bucket.create(recordKey(old), old);
    const url = `${gateway}/v1/upstreams/${old.id}`;
    await eventually(async () => expect((await call(url, 'GET', admin)).status).toBe(200));
    expect((await call(url, 'GET', admin)).body).toMatchObject({ tls: null, secretHeaders: [] });
    await eventually(async () => {
      const { body } = await call(`${gateway}/v1/upstreams?limit=200`, 'GET', admin);
      expect((body.data as { id: string }[]).some(({ id }) => id === old.id)).toBe(true);
    });
    await register(gateway, 'routes', admin, { upstreamId: old.id, methods: ['GET'], path: '/apps/old' });
    expect((await call(`${gateway}/apps/old`, 'GET', admin)).status).toBe(200);
    const kept = { name: 'New', targets: [{ url: shop.url }], secretHeaders: [{ name: 'x-shop-key' }] };
    expect((await call(url, 'PUT', admin, kept)).body.errors).toMatchObject([{ path: '/secretHeaders/0/value' }]);
    expect((await call(url, 'PUT', admin, upstreamBody())).status).toBe(200);
    await call(`${gateway}/apps/old`, 'GET', admin);
    expect(new Set(heard(shop))).toEqual(new Set([SECRET])); // an earlier story's health checks say it too
  });

  it('is sealed never twice the same, under the key of the house', () => {
    const place = { id: newId('ups'), tenantId: acme.id };
    const [one, other] = [createSecretHeaders('ab'.repeat(32)), createSecretHeaders('cd'.repeat(32))];
    const [first, second] = [one.seal(place, 'x', SECRET), one.seal(place, 'x', SECRET)];
    expect(first.sealed).not.toBe(second.sealed);
    expect([one.open(place, first), other.open(place, first)]).toEqual([SECRET, null]);
    expect(one.open(place, { ...first, name: 'y' })).toBeNull();
    expect(one.open(place, { ...first, sealed: 'AAAA' })).toBeNull();
  });

  it.each([
    ['a name of the gateway’s own', { name: 'X-Tenantry-Tenant-Id', value: SECRET }],
    ['a name of the framing', { name: 'Content-Length', value: SECRET }],
    ['the host', { name: 'host', value: SECRET }],
    ['cookies', { name: 'Cookie', value: SECRET }],
    ['a name that others read as ours', { name: 'x_tenantry_user', value: SECRET }],
    ['a value with a line break', { name: 'x-key', value: `${SECRET}\r\nx-evil: 1` }],
    ['a value that begins with a space', { name: 'x-key', value: ` ${SECRET}` }],
    ['an empty value', { name: 'x-key', value: '' }],
    ['a value that is too long', { name: 'x-key', value: SECRET.repeat(300) }],
  ])('cannot have %s, and the refusal does not repeat it', async (_what, header) => {
    const answer = await call(`${gateway}/v1/upstreams`, 'POST', admin, upstreamBody({ secretHeaders: [header] }));
    expect(answer).toMatchObject({ status: 400, body: { code: 'validation-failed' } });
    expect(JSON.stringify(answer.body)).not.toContain(IN_CLEAR);
  });

  it('stands there once, among eight at most, and is not sent over the public network in the clear', async () => {
    const secretHeaders = Array.from({ length: 9 }, (_, i) => ({ name: `x-${i}`, value: SECRET }));
    const send = (more: object) => call(`${gateway}/v1/upstreams`, 'POST', admin, upstreamBody(more));
    expect((await send({ secretHeaders })).status).toBe(400);
    expect((await send({ secretHeaders: secretHeaders.slice(1) })).status).toBe(201);
    const twice = [secretHeaders[0], { name: 'X-0', value: 'y' }];
    expect((await send({ secretHeaders: twice })).body.errors).toMatchObject([{ path: '/secretHeaders/1/name' }]);
    const open = [{ url: 'http://1.1.1.1' }, { url: 'https://1.1.1.1' }];
    expect((await send({ targets: open })).body.errors).toMatchObject([{ path: '/targets/0/url' }]);
    expect((await send({ targets: open, secretHeaders: [] })).status).toBe(201);
  });

  it('takes part in what a repeated request is recognised by', async () => {
    const headers = { 'idempotency-key': 'secret-1' };
    const send = (value: string) =>
      call(`${gateway}/v1/upstreams`, 'POST', admin, upstreamBody({ secretHeaders: [{ name: 'x', value }] }), headers);
    const first = await send(SECRET);
    const again = await send(SECRET);
    expect([again.body, again.headers.get('idempotency-replayed')]).toEqual([first.body, 'true']);
    expect((await send('other')).body.code).toBe('idempotency-key-reused');
  });
});

describe('In no place where a gateway writes', () => {
  let process_: ChildProcess | undefined;
  afterAll(async () => {
    if (process_ === undefined || process_.exitCode !== null) return;
    const ended = once(process_, 'exit');
    process_.kill('SIGKILL');
    await ended;
  });

  it('is a secret to be found: buckets, snapshots, logs at their most talkative', async () => {
    const child = spawn(process.execPath, [new URL('../start.ts', import.meta.url).pathname], {
      env: {
        ...process.env,
        ...setting.environment,
        LOG_LEVEL: 'trace',
        UPSTREAM_ALLOWED_NETWORKS: '127.0.0.0/8',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    process_ = child;
    let logged = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        logged += chunk.toString();
      });
    const url = async (): Promise<string> => {
      const found = /"url":"(http:\/\/[^"]+)"/.exec(logged)?.[1];
      if (found === undefined) throw new Error(`not open: ${logged.slice(-500)}`);
      return found;
    };
    await eventually(async () => void (await url()), 60_000);
    const at = await url();
    await eventually(async () => expect((await call(`${at}/v1/upstreams`, 'GET', admin)).status).toBe(200));
    const { get, replace } = await openRoute({}, {}, at);
    expect((await get()).status).toBe(200);
    await replace({ secretHeaders: [{ name: 'x-shop-key', value: `${SECRET}\n` }] });
    await replace({ targets: [{ url: thief.url }], secretHeaders: [{ name: 'x-shop-key' }] });
    await call(`${at}/v1/upstreams`, 'POST', admin, upstreamBody(), { 'idempotency-key': 'logged' });
    expect((await replace({ targets: [{ url: 'https://localhost:1' }] })).status).toBe(200);
    expect((await get()).status).toBe(503); // and a line in the log
    await eventually(async () => expect(logged).toContain('unreachable'));
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;

    expect(new Set(heard(shop))).toEqual(new Set([SECRET])); // an earlier story's health checks say it too
    expect(logged).not.toContain(IN_CLEAR);
    const folder = join(setting.environment.TENANTRY_DATA_DIR, 'snapshots');
    const files = readdirSync(folder).filter((name) => name.startsWith('gateway-'));
    expect(files).toContain('gateway-upstreams.json');
    const snapshots = files.map((name) => readFileSync(join(folder, name), 'utf8')).join('\n');
    expect(snapshots).toContain('x-shop-key');
    expect(snapshots).not.toContain(IN_CLEAR);
    for (const bucket of ['upstreams', 'gateway-answers']) {
      const messages = new BucketMessages(nats, bucketName(setting.namespace, bucket));
      const stored = await Promise.all((await messages.keys()).map((key) => messages.latestOf(key)));
      expect(stored.length).toBeGreaterThan(0);
      for (const message of stored) expect(message?.text()).not.toContain(IN_CLEAR);
    }
  }, 60_000);
});
