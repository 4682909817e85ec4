import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAuthority, type Issued, vouchWith } from '../../../tests/support/certificates.ts';
import { eventually } from '../../../tests/support/eventually.ts';
import { adminToken, call, memberToken, openProduct, register } from './product-shop.ts';
import { openSecureProduct, type SecureProduct } from './secure-shop.ts';
import { openSetting, type Setting } from './setting.ts';
import { nextMessage, open, refusal } from './socket-shop.ts';

const DAY_MS = 86_400_000;
const inDays = (days: number): Date => new Date(Date.now() + days * DAY_MS);

const house = createAuthority('House');
const stranger = createAuthority('Stranger');
const good = house.issue(['localhost', '127.0.0.1']);

let setting: Setting;
let gateway: string;
let acme: TenantRecord;
let admin: string;
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  setting = await openSetting();
  acme = await setting.tenant();
  admin = adminToken(setting, acme.id);
  gateway = (await setting.gateway({ UPSTREAM_ALLOWED_NETWORKS: '127.0.0.0/8' })).url;
});
afterAll(async () => {
  await setting.close();
  for (const close of closing) await close();
});

async function secureProduct(issued: Issued = good): Promise<SecureProduct> {
  const product = await openSecureProduct(issued);
  closing.push(product.close);
  return product;
}

let routes = 0;
/** An upstream of its own with a route to it. */
async function registerShop(upstream: object, route: object = {}) {
  const id = await register(gateway, 'upstreams', admin, { name: 'Shop', ...upstream });
  const path = `/apps/tls-${++routes}`;
  await register(gateway, 'routes', admin, { upstreamId: id, methods: ['GET'], path, ...route });
  return {
    id,
    path,
    get: (headers: Record<string, string> = {}) =>
      call(`${gateway}${path}`, 'GET', memberToken(setting, acme.id), undefined, headers),
    health: async () => {
      const { body } = await call(`${gateway}/v1/upstreams/${id}/health`, 'GET', admin);
      return body.data as { url: string; state: string; reason: string | null; since: string | null }[];
    },
  };
}
const trusting = (...authorities: { readonly certificate: string }[]) => ({
  caCertificates: authorities.map(({ certificate }) => certificate),
});

describe('A target behind https', () => {
  it('is asked by its name, and believed when an authority of its upstream vouches for it', async () => {
    const product = await secureProduct();
    const shop = await registerShop({ targets: [{ url: product.url }], tls: trusting(house) });
    expect(await shop.health()).toMatchObject([{ url: product.url, state: 'unknown', reason: null, since: null }]);
    for (let i = 0; i < 3; i++) expect((await shop.get()).status).toBe(200);
    expect(product.seen).toMatchObject([{ serverName: 'localhost' }, {}, {}]);
    expect(await shop.health()).toMatchObject([{ state: 'healthy', reason: null, since: null }]);
  });

  const elsewhere = createAuthority('Another house');
  it.each([
    ['expired', house.issue(['localhost'], { from: inDays(-9), to: inDays(-1) }), 'certificate-expired'],
    ['is for tomorrow', house.issue(['localhost'], { from: inDays(1), to: inDays(9) }), 'certificate-not-yet-valid'],
    ['names somebody else', house.issue(['shop.example.com', '127.0.0.1']), 'wrong-name'],
    ['was issued by a stranger', stranger.issue(['localhost']), 'unknown-issuer'],
    ['was issued by a namesake', createAuthority('House').issue(['localhost']), 'certificate-refused'],
    [
      'stands for itself',
      { certificate: elsewhere.certificate, privateKey: elsewhere.privateKey },
      'certificate-refused',
    ],
    ['was issued by who is no authority', issuedByServer(), 'certificate-refused'],
  ])('whose certificate %s is sent nothing, and only its owner is told why', async (_what, issued, reason) => {
    const product = await secureProduct(issued);
    const shop = await registerShop({ targets: [{ url: product.url }], tls: trusting(house) });
    const answer = await shop.get({ 'x-secret': 'of the caller' });
    expect([answer.status, answer.body.code]).toEqual([502, 'upstream-untrusted']);
    expect(answer.headers.get('retry-after')).toBeNull();
    const told = JSON.stringify(answer.body);
    for (const inside of ['localhost', String(product.port), '127.0.0.1', 'House', 'Stranger', reason])
      expect(told).not.toContain(inside);
    expect(product.seen).toEqual([]);
    const [target] = await shop.health();
    expect(target).toEqual({ url: product.url, state: 'untrusted', reason, since: expect.stringMatching(/Z$/) });
    // Also when its breaker has had enough of it.
    for (let i = 0; i < 30; i++) expect((await shop.get()).body.code).toBe('upstream-untrusted');
    expect(product.seen).toEqual([]);
  });

  it('is not believed for being ours or near: without authorities of its own, the public ones count', async () => {
    const product = await secureProduct();
    const shop = await registerShop({ targets: [{ url: product.url }] });
    expect((await shop.get()).body.code).toBe('upstream-untrusted');
    expect(await shop.health()).toMatchObject([{ state: 'untrusted', reason: 'unknown-issuer' }]);
    expect(product.seen).toEqual([]);
  });

  it('that speaks no TLS is not spoken to', async () => {
    const plain = await openProduct();
    closing.push(plain.close);
    const shop = await registerShop({
      targets: [{ url: plain.url.replace('http://127.0.0.1', 'https://localhost') }],
      tls: trusting(house),
    });
    expect((await shop.get()).body.code).toBe('upstream-untrusted');
    expect(await shop.health()).toMatchObject([{ state: 'untrusted', reason: 'no-tls' }]);
    expect(plain.seen).toEqual([]);
  });

  it('that hangs up in the middle of the handshake, or is not there, is unavailable', async () => {
    const abrupt = createServer((socket) => socket.on('error', () => undefined).once('data', () => socket.destroy()));
    await once(abrupt.listen(0, '127.0.0.1'), 'listening');
    const { port } = abrupt.address() as AddressInfo;
    const shop = await registerShop({ targets: [{ url: `https://localhost:${port}` }], tls: trusting(house) });
    const isUnavailable = async (): Promise<void> => {
      expect(await shop.get()).toMatchObject({ status: 503, body: { code: 'upstream-unavailable' } });
      expect(await shop.health()).toMatchObject([{ state: 'unreachable', reason: null }]);
    };
    await isUnavailable();
    abrupt.close();
    await isUnavailable();
  });

  it('has the name that its upstream gives it, whatever a request calls the host', async () => {
    const product = await secureProduct(house.issue(['shop.example.com']));
    const targets = [{ url: `https://127.0.0.1:${product.port}` }];
    const shop = await registerShop({ targets, tls: { ...trusting(house), serverName: 'shop.example.com' } });
    expect((await shop.get({ 'x-forwarded-host': 'evil.example' })).status).toBe(200);
    expect(product.seen).toMatchObject([{ serverName: 'shop.example.com' }]);
    const other = await registerShop({ targets, tls: { ...trusting(house), serverName: 'other.example.com' } });
    expect((await other.get()).body.code).toBe('upstream-untrusted');
    expect(await other.health()).toMatchObject([{ reason: 'wrong-name' }]);
  });

  it('may have an address for a name, if its certificate has it; nobody is asked for by an address', async () => {
    const product = await secureProduct();
    const shop = await registerShop({ targets: [{ url: `https://127.0.0.1:${product.port}` }], tls: trusting(house) });
    expect((await shop.get()).status).toBe(200);
    expect(product.seen).toMatchObject([{ serverName: false }]);
    product.show(house.issue(['localhost']));
    const again = await registerShop({ targets: [{ url: `https://127.0.0.1:${product.port}` }], tls: trusting(house) });
    expect((await again.get()).body.code).toBe('upstream-untrusted');
  });

  it('is believed for an authority in between, or for its own certificate, where just that is listed', async () => {
    const branch = house.delegate('Branch');
    const issued = branch.issue(['localhost']);
    const product = await secureProduct(issued);
    for (const listed of [branch, issued]) {
      const shop = await registerShop({ targets: [{ url: product.url }], tls: trusting(listed) });
      expect((await shop.get()).status).toBe(200);
    }
    // The root alone cannot vouch for whom the server does not show the way to; with the way it can.
    const rooted = { targets: [{ url: product.url }], tls: trusting(house) };
    expect((await (await registerShop(rooted)).get()).body.code).toBe('upstream-untrusted');
    product.show({ ...issued, certificate: issued.certificate + branch.certificate });
    expect((await (await registerShop(rooted)).get()).status).toBe(200);
  });

  it('is passed over while another target can be believed', async () => {
    const [bad, fine] = [await secureProduct(stranger.issue(['localhost'])), await secureProduct()];
    const shop = await registerShop({ targets: [{ url: bad.url }, { url: fine.url }], tls: trusting(house) });
    for (let i = 0; i < 12; i++) expect((await shop.get()).status).toBe(200);
    expect([bad.seen.length, fine.seen.length]).toEqual([0, 12]);
  });

  it('is believed again as soon as its certificate is put right', async () => {
    const product = await secureProduct(stranger.issue(['localhost']));
    const shop = await registerShop({ targets: [{ url: product.url }], tls: trusting(house) });
    expect((await shop.get()).status).toBe(502);
    product.show(good);
    await eventually(async () => expect((await shop.get()).status).toBe(200));
    expect(await shop.health()).toMatchObject([{ state: 'healthy', reason: null, since: null }]);
  });

  it('loses its connections, and what they could be resumed from, with the authority that vouched for it', async () => {
    const product = await secureProduct();
    const upstream = { name: 'Shop', targets: [{ url: product.url }] };
    const shop = await registerShop({ ...upstream, tls: trusting(house) });
    for (let i = 0; i < 3; i++) expect((await shop.get()).status).toBe(200);
    const replace = (tls: object) =>
      call(`${gateway}/v1/upstreams/${shop.id}`, 'PUT', admin, { ...upstream, tls }).then(({ status }) => status);
    expect(await replace(trusting(stranger))).toBe(200);
    expect((await shop.get()).body.code).toBe('upstream-untrusted');
    expect(product.seen).toHaveLength(3);
    expect(await replace(trusting(stranger, house))).toBe(200);
    expect((await shop.get()).status).toBe(200);
  });
});

describe('A WebSocket to a product behind https', () => {
  it('opens where the product is believed, and nowhere else', async () => {
    const token = memberToken(setting, acme.id);
    const product = await secureProduct();
    const terms = { webSocket: true };
    const shop = await registerShop({ targets: [{ url: product.url }], tls: trusting(house) }, terms);
    const { socket, greeting } = await open(`${gateway}${shop.path}`, { token });
    expect(greeting).toBe('shop');
    socket.send('hello');
    expect(await nextMessage(socket)).toBe('hello');
    socket.terminate();
    expect(product.seen).toMatchObject([{ serverName: 'localhost' }]);

    const lax = await registerShop({ targets: [{ url: product.url }], tls: trusting(stranger) }, terms);
    expect(await refusal(`${gateway}${lax.path}`, { token })).toMatchObject({
      status: 502,
      code: 'upstream-untrusted',
    });
    expect(await lax.health()).toMatchObject([{ state: 'untrusted', reason: 'unknown-issuer' }]);
    expect(product.seen).toHaveLength(1);
  });
});

describe('A health check over https', () => {
  const healthCheck = { path: '/well', intervalSeconds: 1, timeoutSeconds: 1, unhealthyAfter: 1, healthyAfter: 1 };

  it('asks only whom it believes, and finds by itself that a certificate was put right', async () => {
    const product = await secureProduct(house.issue(['localhost'], { from: inDays(-9), to: inDays(-1) }));
    const shop = await registerShop({ targets: [{ url: product.url }], tls: trusting(house), healthCheck });
    expect((await shop.get()).status).toBe(502);
    expect(await shop.health()).toMatchObject([{ state: 'untrusted', reason: 'certificate-expired' }]);
    expect(product.seen).toEqual([]);
    product.show(good);
    await eventually(async () => expect(await shop.health()).toMatchObject([{ state: 'healthy' }]));
    expect(product.seen[0]).toMatchObject({ url: '/well', serverName: 'localhost' });
    product.show(stranger.issue(['localhost']));
  });
});

describe('Registering what a target is believed for', () => {
  const targets = [{ url: 'https://localhost:8443' }];
  const send = (body: object) => call(`${gateway}/v1/upstreams`, 'POST', admin, { name: 'Shop', targets, ...body });

  it('answers with the certificates alone, without what was written around them', async () => {
    const tls = { caCertificates: [`\n\n${house.certificate}  \n`], serverName: 'shop.example.com' };
    const answer = await send({ tls });
    expect(answer.status).toBe(201);
    expect(answer.body.tls).toEqual({ caCertificates: [house.certificate], serverName: 'shop.example.com' });
    expect((await send({})).body.tls).toBeNull();
    expect((await send({ tls: {} })).body.tls).toEqual({ caCertificates: [], serverName: null });
  });

  const over = createAuthority('Over', { from: inDays(-9), to: inDays(-1) });
  it.each([
    ['a private key', [house.privateKey], '/tls/caCertificates/0'],
    ['a certificate with its private key', [house.certificate + house.privateKey], '/tls/caCertificates/0'],
    ['two certificates in one text', [house.certificate + stranger.certificate], '/tls/caCertificates/0'],
    ['words', [house.certificate, 'trust me'], '/tls/caCertificates/1'],
    [
      'a certificate that is none',
      [house.certificate.replace(/\n[A-Za-z0-9+/]{8}/, '\nAAAAAAAA')],
      '/tls/caCertificates/0',
    ],
    ['a certificate that has ended', [over.certificate], '/tls/caCertificates/0'],
    ['the same twice', [house.certificate, house.certificate.trim()], '/tls/caCertificates/1'],
  ])('refuses %s, and repeats nothing of it', async (_what, caCertificates, path) => {
    const answer = await send({ tls: { caCertificates } });
    expect(answer).toMatchObject({ status: 400, body: { code: 'validation-failed', errors: [{ path }] } });
    for (const text of caCertificates) expect(JSON.stringify(answer.body)).not.toContain(text.split('\n')[1] ?? text);
  });

  it.each([
    ['more than eight', { caCertificates: Array.from({ length: 9 }, (_, i) => createAuthority(`A${i}`).certificate) }],
    ['one that is too long', { caCertificates: [house.certificate.padEnd(8_193)] }],
    ['an address as a name', { serverName: '127.0.0.1' }],
    ['a name that is none', { serverName: 'https://shop' }],
    ['a switch that turns it off', { rejectUnauthorized: false }],
    ['a switch of another name', { insecureSkipVerify: true }],
  ])('refuses %s', async (_what, tls) => {
    expect(await send({ tls })).toMatchObject({ status: 400, body: { code: 'validation-failed' } });
  });

  it('refuses it where no target would be asked for it', async () => {
    const answer = await send({ targets: [{ url: 'http://127.0.0.1:8443' }], tls: trusting(house) });
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ path: '/tls' }] } });
  });

  it('is nobody else’s to look at', async () => {
    const shop = await registerShop({ targets, tls: trusting(house) });
    const rival = await setting.tenant({ slug: 'rival' });
    const ask = (token: string) => call(`${gateway}/v1/upstreams/${shop.id}/health`, 'GET', token);
    // 503 until the gateway has heard of the new tenant.
    await eventually(async () => expect((await ask(adminToken(setting, rival.id))).status).toBe(404));
    expect((await ask(memberToken(setting, acme.id))).status).toBe(403);
  });
});

/** By somebody who has a certificate for one name and vouches with it for another. */
function issuedByServer(): Issued {
  const ofServer = house.issue(['other.example.com']);
  const issued = vouchWith('other.example.com', ofServer).issue(['localhost']);
  return { ...issued, certificate: issued.certificate + ofServer.certificate };
}
