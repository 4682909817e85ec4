import { createHash, createPrivateKey, randomBytes, randomInt } from 'node:crypto';
import { deriveKey } from '@tenantry/databases/credentials.ts';
import { expectAnswer, waitFor } from '@tenantry/deploy/demo/api.ts';
import type { Customer, MainJob, Order, Tenant } from '@tenantry/deploy/demo/main-job.ts';
import { createAuthority } from '../certificates.ts';
import type { LaunchedSystem } from '../launched-system.ts';
import type { Canary } from './find-canaries.ts';

/** A tenant with everything that it has told the system in confidence. */
export type Confidant = {
  readonly tenant: Tenant;
  readonly customer: Customer;
  readonly order: Order;
  readonly ids: Readonly<Record<string, string>>;
  readonly password: string;
  readonly canaries: readonly Canary[];
};

/** A word that nobody has ever written. Letters and digits: only encodings that are looked for can change it. */
export const newWord = (): string => `c${randomBytes(10).toString('hex')}y`;
/** Of a P-256 key. */
const secretNumberOf = (pem: string): Buffer =>
  Buffer.from(String(createPrivateKey(pem).export({ format: 'jwk' }).d), 'base64url');
const newDigits = (count: number): string =>
  `${randomInt(1, 10)}${Array.from({ length: count - 1 }, () => randomInt(10)).join('')}`;

type Walk = {
  readonly system: LaunchedSystem;
  readonly job: MainJob;
  readonly operatorToken: string;
  readonly masterKey: string;
  readonly slug: string;
  /** Its own credentials at Midtrans instead of those that a sandbox is given. */
  readonly hasOwnServerKey: boolean;
  /** Where a product of its own answers. */
  readonly productUrl: string;
};

/** The main job from the first day to the receipt, and whatever else can be told in confidence. */
export async function walkWithCanaries(walk: Walk): Promise<Confidant> {
  const { system, job, slug, masterKey } = walk;
  const { gateway, mailbox, telegram } = system.addresses;
  const canaries: Canary[] = [];
  const keep = (kind: string, value: string): string => {
    canaries.push({ kind, of: slug, value });
    return value;
  };
  const word = (kind: string): string => keep(kind, newWord());
  const call = <Body>(status: number, method: string, path: string, options: Parameters<typeof expectAnswer>[3] = {}) =>
    expectAnswer<Body>(status, `${gateway}${path}`, method, options);
  // Characters that every encoding writes in its own way.
  const newPassword = (): string => `p"é\\ %+<${word('password')}`;
  const keepTokens = ({ accessToken, refreshToken }: { accessToken: string; refreshToken: string }) => {
    keep('access token', accessToken.split('.')[2] ?? '');
    keep('refresh token', refreshToken.split('_').slice(2).join('_'));
  };
  const signIn = async (
    email: string,
    password: string,
  ): Promise<{ token: string; refreshToken: string; userId: string }> => {
    const signedIn = await job.login(slug, email, password);
    keepTokens({ accessToken: signedIn.token, refreshToken: signedIn.refreshToken });
    return signedIn;
  };

  const admin = { email: `${word('e-mail')}@${slug}.example`, password: newPassword(), name: `Ayu ${word('name')}` };
  const newTenantKey = word('idempotency key');
  const { id } = await call<{ id: string }>(201, 'POST', '/v1/tenants', {
    token: walk.operatorToken,
    headers: { 'idempotency-key': newTenantKey },
    body: {
      ...{ slug, name: `Trading ${word('business')}`, country: 'ID', currency: 'IDR', timeZone: 'Asia/Jakarta', admin },
      tax: { registered: true, npwp: keep('NPWP', newDigits(16)) },
    },
  });
  const tenant: Tenant = { id, slug, adminToken: (await signIn(admin.email, admin.password)).token };
  const asAdmin = { token: tenant.adminToken };

  const sandboxKey = deriveKey(masterKey, `midtrans-sandbox:${id}`).toString('hex').slice(0, 32);
  const serverKey = `SB-Mid-server-${walk.hasOwnServerKey ? newWord() : sandboxKey}`;
  keep('server key', serverKey.slice('SB-Mid-server-'.length));
  if (walk.hasOwnServerKey)
    await call(200, 'PUT', '/v1/payment-providers/midtrans', {
      ...asAdmin,
      body: { environment: 'sandbox', serverKey },
    });
  const botSecret = `${newWord()}AA${newWord()}`.slice(0, 35);
  const bot = await job.registerBot(tenant, `${newDigits(9)}:${keep('bot token', botSecret)}`);

  const email = `${word('e-mail')}@${slug}.example`;
  const first = newPassword();
  const name = `Budi ${word('name')}`;
  await call(202, 'POST', '/v1/auth/register', { body: { tenant: slug, email, password: first, name, locale: 'id' } });
  const mails = await waitFor(
    () =>
      expectAnswer<{ data: { tokens: string[] }[] }>(200, `${mailbox}/messages?to=${encodeURIComponent(email)}`, 'GET'),
    ({ data }) => data.length > 0,
  );
  const mailToken = mails.data[0]?.tokens[0] ?? '';
  keep('mail token', mailToken.split('_').slice(2).join('_'));
  await call(200, 'POST', '/v1/auth/verify', { body: { token: mailToken } });
  const before = await signIn(email, first);
  const password = newPassword();
  await call(204, 'PUT', '/v1/me/password', {
    token: before.token,
    body: { currentPassword: first, newPassword: password },
  });
  const session = await signIn(email, password);
  const refreshed = await call<{ accessToken: string; refreshToken: string }>(200, 'POST', '/v1/auth/refresh', {
    body: { refreshToken: session.refreshToken },
  });
  keepTokens(refreshed);
  const customer: Customer = { token: refreshed.accessToken, id: session.userId, email };
  await call(200, 'PATCH', '/v1/me', { token: customer.token, body: { name: `Budi ${word('name')}` } });

  const { url } = await call<{ url: string }>(201, 'POST', '/v1/me/telegram-links', { token: customer.token });
  keep('link code', new URL(url).searchParams.get('start') ?? '');
  const chatId = Number(keep('chat id', newDigits(14)));
  await expectAnswer(200, `${telegram}/simulator/open-link`, 'POST', {
    body: { url, chat: { id: chatId, username: `u${word('Telegram name')}`, firstName: word('Telegram name') } },
  });

  const planId = await job.findPlan(customer.token, 'pro');
  const order = await job.subscribe(customer, planId, word('idempotency key'));
  keep('account number', order.vaNumber);
  await job.pay(order);
  const { invoice } = await job.awaitOutcome(customer, order, 60_000);
  await job.awaitReceipt(chatId, invoice.number, 60_000);
  const signed = `${order.paymentId}200${order.amount.amount}.00${serverKey}`;
  keep('webhook signature', createHash('sha512').update(signed).digest('hex'));

  const product = createAuthority(`Authority of ${slug}`).issue(['client.example']);
  keep('private key', product.privateKey.split('\n')[2] ?? '');
  canaries.push({ kind: 'private key', of: slug, value: secretNumberOf(product.privateKey) });
  const upstream = await call<{ id: string }>(201, 'POST', '/v1/upstreams', {
    ...asAdmin,
    body: {
      name: 'Behind https',
      // Nobody speaks TLS there: registered all the same.
      targets: [{ url: walk.productUrl.replace('http:', 'https:') }],
      secretHeaders: [{ name: 'x-shop-key', value: word('product secret') }],
      clientCertificate: { certificateChain: product.certificate, privateKey: product.privateKey },
    },
  });
  const plain = await call<{ id: string }>(201, 'POST', '/v1/upstreams', {
    ...asAdmin,
    body: {
      name: 'Shop',
      targets: [{ url: walk.productUrl }],
      secretHeaders: [{ name: 'x-shop-key', value: word('product secret') }],
    },
  });
  const route = await call<{ id: string }>(201, 'POST', '/v1/routes', {
    ...asAdmin,
    body: { upstreamId: plain.id, methods: ['POST'], path: '/apps/shop' },
  });
  await waitFor(
    () =>
      fetch(`${gateway}/apps/shop?secret=${keep('product query', newWord())}`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${customer.token}`,
          'content-type': 'application/json',
          'x-note': word('product header'),
        },
        body: JSON.stringify({ note: word('product body') }),
      }),
    ({ status }) => status === 200,
  );
  const sessions = await call<{ data: { id: string }[] }>(200, 'GET', '/v1/me/sessions', { token: customer.token });
  return {
    ...{ tenant, customer, order, password },
    ids: {
      tenantId: id,
      userId: customer.id,
      sessionId: sessions.data[0]?.id ?? '',
      planId,
      subscriptionId: order.subscriptionId,
      invoiceId: order.invoiceId,
      paymentId: order.paymentId,
      botId: bot.id,
      upstreamId: upstream.id,
      routeId: route.id,
    },
    canaries,
  };
}
