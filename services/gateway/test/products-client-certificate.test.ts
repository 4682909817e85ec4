import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { connectNats, type Nats } from '@tenantry/events/nats.ts';
import { openRevisedBucket } from '@tenantry/events/revised-bucket.ts';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createAuthority, type Issued } from '../../../tests/support/certificates.ts';
import { eventually } from '../../../tests/support/eventually.ts';
import { recordKey, UPSTREAMS_BUCKET, type UpstreamRecord } from '../products/records.ts';
import { adminToken, call, memberToken, register } from './product-shop.ts';
import { type Closed, openSecureProduct, type SecureProduct } from './secure-shop.ts';
import { openSetting, type Setting } from './setting.ts';
import { open } from './socket-shop.ts';

const DAY_MS = 86_400_000;
const inDays = (days: number): Date => new Date(Date.now() + days * DAY_MS);

const house = createAuthority('House');
const clients = createAuthority('Clients');
const stranger = createAuthority('Stranger');
const first = clients.issue(['first.example']);
const second = clients.issue(['second.example']);

let setting: Setting;
let nats: Nats;
let gateway: string;
let acme: TenantRecord;
let admin: string;
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  setting = await openSetting();
  nats = await connectNats({ url: inject('natsUrl'), name: 'client-certificates', namespace: setting.namespace });
  acme = await setting.tenant();
  admin = adminToken(setting, acme.id);
  gateway = (await setting.gateway({ UPSTREAM_ALLOWED_NETWORKS: '127.0.0.0/8' })).url;
});
afterAll(async () => {
  await nats.close();
  await setting.close();
  for (const close of closing) await close();
});

async function closedProduct(some: Partial<Closed> = {}): Promise<SecureProduct> {
  const product = await openSecureProduct(house.issue(['localhost']), { clients, ...some });
  closing.push(product.close);
  return product;
}
const shown = ({ certificate, privateKey }: Issued) => ({ certificateChain: certificate, privateKey });
const bodyFor = ({ url }: { readonly url: string }, more: object = {}) => ({
  name: 'Shop',
  targets: [{ url }],
  tls: { caCertificates: [house.certificate] },
  clientCertificate: shown(first),
  ...more,
});
let paths = 0;
async function openRoute(product: { readonly url: string }, more: object = {}, route: object = {}) {
  const id = await register(gateway, 'upstreams', admin, bodyFor(product, more));
  const path = `/apps/closed-${++paths}`;
  await register(gateway, 'routes', admin, { upstreamId: id, methods: ['GET'], path, ...route });
  return {
    id,
    path,
    get: () => call(`${gateway}${path}`, 'GET', memberToken(setting, acme.id)),
    replace: (changed: object) => call(`${gateway}/v1/upstreams/${id}`, 'PUT', admin, bodyFor(product, changed)),
    read: async () => (await call(`${gateway}/v1/upstreams/${id}`, 'GET', admin)).body,
    health: async () => (await call(`${gateway}/v1/upstreams/${id}/health`, 'GET', admin)).body.data,
  };
}

describe('The client certificate of an upstream', () => {
  it('opens a product that lets in nobody without one, for requests, WebSockets and health checks', async () => {
    const product = await closedProduct();
    const healthCheck = { path: '/well', intervalSeconds: 1, timeoutSeconds: 1, unhealthyAfter: 1, healthyAfter: 1 };
    const shop = await openRoute(product, { healthCheck }, { webSocket: true });
    expect((await shop.get()).status).toBe(200);
    const { socket } = await open(`${gateway}${shop.path}`, { token: memberToken(setting, acme.id) });
    socket.terminate();
    await eventually(async () => expect(product.seen.some(({ url }) => url === '/well')).toBe(true));
    expect(new Set(product.seen.map(({ client }) => client))).toEqual(new Set(['first.example']));
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'that is missing, or not believed, opens nothing (%s)',
    async (maxVersion) => {
      const product = await closedProduct({ maxVersion });
      for (const clientCertificate of [null, shown(stranger.issue(['first.example']))]) {
        const shop = await openRoute(product, { clientCertificate });
        expect((await shop.get()).body.code).toMatch(/^upstream-(untrusted|unavailable|answer-incomplete)$/);
      }
      expect(product.seen).toEqual([]);
    },
  );

  it('shows until when it holds, and never its key', async () => {
    const [from, to] = [inDays(-1), new Date(Math.trunc(inDays(30).getTime() / 1_000) * 1_000)];
    const issued = clients.issue(['third.example'], { from, to });
    const product = await closedProduct();
    const shop = await openRoute(product, { clientCertificate: shown(issued) });
    const view = await shop.read();
    expect(view.clientCertificate).toEqual({
      certificateChain: issued.certificate,
      expiresAt: to.toISOString(),
      isSet: true,
    });
    const bucket = openRevisedBucket<UpstreamRecord>(nats, UPSTREAMS_BUCKET);
    const stored = await bucket.get(recordKey({ tenantId: acme.id, id: shop.id }));
    const secret = issued.privateKey.split('\n')[1] ?? '';
    for (const text of [view, stored?.value]) {
      expect(JSON.stringify(text)).not.toContain(secret);
      expect(JSON.stringify(text)).not.toContain('PRIVATE KEY');
    }
  });

  it('is changed while requests are under way, of which none is lost', async () => {
    const product = await closedProduct();
    const shop = await openRoute(product);
    const held: (() => void)[] = [];
    product.answer((_request, response) => void held.push(() => response.end('late')));
    const early = [shop.get(), shop.get()];
    await eventually(async () => expect(held).toHaveLength(2));
    product.answer((_request, response) => response.end('page'));
    let isOver = false;
    const statuses: number[] = [];
    const steady = (async () => {
      while (!isOver) statuses.push((await shop.get()).status);
    })();
    expect((await shop.replace({ clientCertificate: shown(second) })).status).toBe(200);
    await eventually(async () => expect(product.seen.some(({ client }) => client === 'second.example')).toBe(true));
    isOver = true;
    await steady;
    for (const answer of held) answer();
    expect((await Promise.all(early)).map(({ status }) => status)).toEqual([200, 200]);
    expect(new Set(statuses)).toEqual(new Set([200]));
    // What the first one opened takes nothing new.
    const before = product.seen.length;
    for (let i = 0; i < 5; i++) await shop.get();
    expect(product.seen.slice(before).every(({ client }) => client === 'second.example')).toBe(true);
  });

  it('stays without its key being said again, also renewed, but only for where it was used', async () => {
    const product = await closedProduct();
    const other = await closedProduct();
    const shop = await openRoute(product);
    const same = { certificateChain: first.certificate };
    expect((await shop.replace({ clientCertificate: same })).status).toBe(200);
    expect((await shop.get()).status).toBe(200);
    const refused = async (changed: object) => (await shop.replace(changed)).body.errors;
    const atKey = [{ path: '/clientCertificate/privateKey' }];
    expect(await refused({ targets: [{ url: other.url }], clientCertificate: same })).toMatchObject(atKey);
    expect(await refused({ clientCertificate: { certificateChain: second.certificate } })).toMatchObject(atKey);
    expect((await shop.replace({ clientCertificate: null })).body.clientCertificate).toBeNull();
    const before = product.seen.length;
    expect((await shop.get()).status).toBeGreaterThan(501);
    expect(product.seen).toHaveLength(before);
    expect(await refused({ clientCertificate: same })).toMatchObject(atKey);
  });

  it('that cannot be read any more makes its upstream unavailable, and says that it is to be set again', async () => {
    const product = await closedProduct();
    const shop = await openRoute(product);
    expect((await shop.get()).status).toBe(200);
    const bucket = openRevisedBucket<UpstreamRecord>(nats, UPSTREAMS_BUCKET);
    const key = recordKey({ tenantId: acme.id, id: shop.id });
    const found = await bucket.get(key);
    const certificate = found?.value.clientCertificate;
    if (found === null || certificate === null || certificate === undefined) throw new Error('not there');
    const clientCertificate = { ...certificate, sealedKey: 'AAAA' };
    await bucket.update(key, { ...found.value, version: 9, clientCertificate }, found.revision);
    const before = product.seen.length;
    await eventually(async () => expect((await shop.get()).status).toBe(503));
    expect((await shop.read()).clientCertificate).toMatchObject({ isSet: false });
    await shop.get();
    expect(product.seen.slice(before).every(({ client }) => client === 'first.example')).toBe(true);
  });

  const branch = clients.delegate('Branch');
  const viaBranch = branch.issue(['branch.example']);
  it('may come with those that lead to its authority', async () => {
    const product = await closedProduct();
    const certificateChain = `\n${viaBranch.certificate}\n${branch.certificate}\n`;
    const clientCertificate = { certificateChain, privateKey: viaBranch.privateKey };
    const shop = await openRoute(product, { clientCertificate });
    expect((await shop.get()).status).toBe(200);
    expect(product.seen).toMatchObject([{ client: 'branch.example' }]);
  });

  const over = clients.issue(['over.example'], { from: inDays(-9), to: inDays(-1) });
  const tomorrow = clients.issue(['tomorrow.example'], { from: inDays(1), to: inDays(9) });
  const CHAIN = '/clientCertificate/certificateChain';
  const KEY = '/clientCertificate/privateKey';
  it.each([
    ['has ended', shown(over), CHAIN],
    ['is for tomorrow', shown(tomorrow), CHAIN],
    ['is words', { certificateChain: 'trust me', privateKey: first.privateKey }, CHAIN],
    ['has its key in the wrong place', { certificateChain: first.certificate + first.privateKey }, CHAIN],
    ['leads nowhere', { ...shown(viaBranch), certificateChain: viaBranch.certificate + house.certificate }, CHAIN],
    ['comes without a key', { certificateChain: first.certificate }, KEY],
    ['comes with another one’s key', { ...shown(first), privateKey: second.privateKey }, KEY],
    ['comes with a key that is none', { ...shown(first), privateKey: first.certificate }, KEY],
  ])('is refused when it %s, and nothing of it is repeated', async (_what, clientCertificate, path) => {
    const answer = await call(
      `${gateway}/v1/upstreams`,
      'POST',
      admin,
      bodyFor({ url: 'https://localhost:8443' }, { clientCertificate }),
    );
    expect(answer).toMatchObject({ status: 400, body: { code: 'validation-failed', errors: [{ path }] } });
    for (const { privateKey } of [first, second, over])
      expect(JSON.stringify(answer.body)).not.toContain(privateKey.split('\n')[1] ?? privateKey);
  });

  it('is refused where nobody would ask for it', async () => {
    const body = { name: 'Shop', targets: [{ url: 'http://127.0.0.1:8443' }], clientCertificate: shown(first) };
    const answer = await call(`${gateway}/v1/upstreams`, 'POST', admin, body);
    expect(answer.body.errors).toMatchObject([{ path: '/clientCertificate' }]);
  });
});
