import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { request } from '@tenantry/deploy/demo/api.ts';
import type { MainJob, Tenant } from '@tenantry/deploy/demo/main-job.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { openWholeWorld } from '../support/whole-world.ts';
import { OPERATOR_PASSWORD, type World } from '../support/world.ts';

const PASSWORD = 'correct horse battery staple';
const PRO_LIMIT = { requestsPerSecond: 777, burstSeconds: 3 };

let world: World;
let job: MainJob;
let operatorToken: string;
let product: Server;
let heardPlan: unknown;

beforeAll(async () => {
  product = createServer((asked, response) => {
    heardPlan = asked.headers['x-tenantry-plan'];
    response.end('page');
  });
  await once(product.listen(0, '127.0.0.1'), 'listening');
  ({ world, job, operatorToken } = await openWholeWorld({ UPSTREAM_ALLOWED_NETWORKS: '127.0.0.0/8' }));
  const layer = { rateLimits: { tenant: PRO_LIMIT } };
  const path = '/v1/config/plans/pro';
  await eventually(async () =>
    expect((await call('PUT', path, operatorToken, layer, { 'if-match': '*' })).status).toBe(200),
  );
});
afterAll(async () => {
  await world?.close();
  product.close();
});

const call = (method: string, path: string, token: string, body?: unknown, headers: Record<string, string> = {}) =>
  request(`${world.gatewayUrl}${path}`, method, { token, headers, ...(body === undefined ? {} : { body }) });

type Placed = {
  readonly id: string;
  readonly status: string;
  readonly subscriberId: string;
  readonly latestInvoiceId: string;
  readonly payment: { readonly id: string; readonly instructions: { readonly vaNumber: string } };
};

const planOf = async (token: string, slug: string): Promise<string> => {
  const { body } = await call('GET', '/v1/tenant/plans', token);
  return (body.data as { id: string; slug: string }[]).find((plan) => plan.slug === slug)?.id ?? '';
};
const order = async ({ adminToken }: Tenant, key = 'order') =>
  call(
    'POST',
    '/v1/tenant/subscription',
    adminToken,
    { planId: await planOf(adminToken, 'pro'), paymentMethod: { type: 'bank_transfer', bank: 'bca' } },
    { 'idempotency-key': key },
  );
const untilStatus = (token: string, status: string) =>
  eventually(async () => {
    const { body } = await call('GET', '/v1/tenant/subscription', token);
    expect(body.status).toBe(status);
    return body;
  });
/** What the gateway holds the tenant to, and what it tells products. */
const untilLimited = (token: string, byPlan: boolean) =>
  eventually(async () => {
    const { headers } = await call('GET', '/apps/page', token);
    const { requestsPerSecond, burstSeconds } = PRO_LIMIT;
    const policy = `"tenant";q=${requestsPerSecond * burstSeconds};w=${burstSeconds}`;
    expect([headers.get('ratelimit-policy')?.startsWith(policy), heardPlan]).toEqual([
      byPlan,
      byPlan ? 'pro' : undefined,
    ]);
  });
async function serveProduct({ adminToken }: Tenant): Promise<void> {
  const { port } = product.address() as AddressInfo;
  const targets = [{ url: `http://127.0.0.1:${port}` }];
  const upstream = await call('POST', '/v1/upstreams', adminToken, { name: 'Page', targets });
  const route = { upstreamId: upstream.body.id, methods: ['GET'], path: '/apps/page' };
  expect((await call('POST', '/v1/routes', adminToken, route)).status).toBe(201);
}

describe('A tenant’s subscription to a plan of the platform', () => {
  it('is paid to the platform, raises the tenant’s limits, and lowers them when it is canceled', async () => {
    const tenant = await job.createTenant(operatorToken, 'buyer');
    const { adminToken } = tenant;
    await serveProduct(tenant);
    expect((await call('GET', '/v1/tenant/subscription', adminToken)).status).toBe(404);
    await untilLimited(adminToken, false);

    const placed = await order(tenant);
    expect(placed).toMatchObject({ status: 201, body: { status: 'incomplete', subscriberId: tenant.id } });
    const again = await order(tenant);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    const { id, latestInvoiceId, payment } = placed.body as unknown as Placed;
    await untilLimited(adminToken, false);

    await job.pay(payment.instructions);
    await untilStatus(adminToken, 'active');
    await untilLimited(adminToken, true);

    const invoice = await call('GET', `/v1/tenant/invoices/${latestInvoiceId}`, adminToken);
    expect(invoice.body).toMatchObject({ status: 'paid', customerId: tenant.id, subscriptionId: id });
    expect(invoice.body.number).toMatch(/^PLATFORM-/);
    const pdf = await call('GET', `/v1/tenant/invoices/${latestInvoiceId}/pdf`, adminToken);
    expect((pdf.body as unknown as Buffer).subarray(0, 5).toString()).toBe('%PDF-');

    const canceled = await call('POST', '/v1/tenant/subscription/cancel', adminToken, { at: 'now' });
    expect(canceled).toMatchObject({ status: 200, body: { id, status: 'canceled' } });
    await untilLimited(adminToken, false);
    // Named, it is that one or nothing: not what was ordered since.
    const next = (await order(tenant, 'next')).body as unknown as Placed;
    const late = await call('POST', '/v1/tenant/subscription/cancel', adminToken, { at: 'now', subscriptionId: id });
    expect(late).toMatchObject({ status: 409, body: { code: 'invalid-transition' } });
    expect((await call('GET', '/v1/tenant/subscription', adminToken)).body).toMatchObject({ id: next.id });
  });

  it('is one, however many of its people order at once', async () => {
    const tenant = await job.createTenant(operatorToken, 'hasty');
    const answers = await Promise.all(['a', 'b', 'c', 'd'].map((key) => order(tenant, key)));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 409, 409, 409]);
    const refused = answers.find(({ status }) => status === 409);
    expect(refused?.body).toMatchObject({ code: 'already-subscribed' });
    expect(refused?.body.detail).toContain('POST /v1/tenant/subscription/cancel');
    expect((await call('GET', '/v1/tenant/invoices', tenant.adminToken)).body.data).toHaveLength(1);
  });

  it('is seen by its own billing people and by operators, and by nobody else', async () => {
    const tenant = await job.createTenant(operatorToken, 'private');
    const other = await job.createTenant(operatorToken, 'nosy');
    const placed = (await order(tenant)).body as unknown as Placed;
    const email = 'budi@private.example';
    const member = await job.verify(tenant, email, await job.register(tenant, email));
    const everything = [
      ['GET', '/v1/tenant/plans'],
      ['GET', '/v1/tenant/subscription'],
      ['POST', '/v1/tenant/subscription', { planId: placed.id.replace('sub_', 'pln_') }],
      ['POST', '/v1/tenant/subscription/cancel', { at: 'now' }],
      ['GET', '/v1/tenant/invoices'],
      ['GET', `/v1/tenant/invoices/${placed.latestInvoiceId}`],
      ['POST', `/v1/tenant/invoices/${placed.latestInvoiceId}/pay`, { paymentMethod: { type: 'qris' } }],
    ] as const;
    for (const [method, path, body] of everything)
      expect([path, (await call(method, path, member.token, body)).status]).toEqual([path, 403]);
    const roles = await call('PUT', `/v1/users/${member.id}/roles`, tenant.adminToken, { roles: ['billing'] });
    expect(roles.status).toBe(200);
    const { token } = await job.login(tenant.slug, email, PASSWORD);
    expect((await call('GET', '/v1/tenant/subscription', token)).body.id).toBe(placed.id);
    const underWay = await call('POST', `/v1/tenant/invoices/${placed.latestInvoiceId}/pay`, token, {
      paymentMethod: { type: 'qris' },
    });
    expect(underWay).toMatchObject({ status: 409, body: { code: 'payment-under-way' } });

    // It is the platform's record: not one of the tenant's own customers', nor reachable from any other tenant.
    for (const someone of [tenant, other]) {
      expect((await call('GET', `/v1/subscriptions/${placed.id}`, someone.adminToken)).status).toBe(404);
      expect((await call('GET', `/v1/invoices/${placed.latestInvoiceId}`, someone.adminToken)).status).toBe(404);
      expect((await call('GET', '/v1/subscriptions', someone.adminToken)).body.data).toEqual([]);
    }
    expect((await call('GET', '/v1/tenant/subscription', other.adminToken)).status).toBe(404);
    expect((await call('GET', '/v1/tenant/invoices', other.adminToken)).body.data).toEqual([]);
    const foreign = { at: 'now', subscriptionId: placed.id };
    expect((await call('POST', '/v1/tenant/subscription/cancel', other.adminToken, foreign)).status).toBe(404);
    const all = await call('GET', '/v1/subscriptions', operatorToken);
    expect(all.body.data).toContainEqual(expect.objectContaining({ id: placed.id, subscriberId: tenant.id }));
    expect((await call('GET', `/v1/invoices/${placed.latestInvoiceId}`, operatorToken)).body.customerId).toBe(
      tenant.id,
    );
    const itself = { planId: await planOf(operatorToken, 'pro'), paymentMethod: { type: 'qris' } };
    expect((await call('POST', '/v1/tenant/subscription', operatorToken, itself)).status).toBe(409);
    // Who did it stands in the platform's audit: the tenant, and the person for it.
    const audit = await world.sql(
      `select principal, on_behalf_of from subscriptions.audit where resource = $1 and action = 'subscription:create'`,
      [placed.id],
    );
    expect(audit).toEqual([{ principal: tenant.id, on_behalf_of: expect.stringMatching(/^usr_/) }]);
  });
});

describe('The plan of a tenant that does not pay on', () => {
  it('stays while its renewal is past due, and goes with the end of the grace; a closed tenant’s is not renewed', async () => {
    const debtor = await job.createTenant(operatorToken, 'debtor');
    const gone = await job.createTenant(operatorToken, 'gone');
    await serveProduct(debtor);
    for (const tenant of [debtor, gone]) {
      await job.pay(((await order(tenant)).body as unknown as Placed).payment.instructions);
      await untilStatus(tenant.adminToken, 'active');
    }
    const closed = ((await call('GET', '/v1/tenant/subscription', gone.adminToken)).body as unknown as Placed).id;
    expect((await call('POST', `/v1/tenants/${gone.id}/close`, operatorToken)).status).toBe(200);
    await untilLimited(debtor.adminToken, true);

    world.clock.advance({ days: 32 });
    const login = async () => (await job.login(debtor.slug, `admin@${debtor.slug}.example`, PASSWORD)).token;
    const renewing = await untilStatus(await login(), 'past_due');
    await untilLimited(await login(), true);
    const operator = (await job.loginOperator(OPERATOR_PASSWORD)).token;
    await eventually(async () =>
      expect((await call('GET', `/v1/subscriptions/${closed}`, operator)).body.status).toBe('canceled'),
    );

    world.clock.advance({ days: 10 });
    await untilStatus(await login(), 'canceled');
    await untilLimited(await login(), false);
    const invoice = `/v1/tenant/invoices/${String(renewing.latestInvoiceId)}`;
    const token = await login();
    await eventually(async () => expect((await call('GET', invoice, token)).body.status).toBe('void'));
  });
});
