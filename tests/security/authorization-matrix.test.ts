import { keyIdOf } from '@tenantry/auth/access-token.ts';
import { generateSigningKey, signJws } from '@tenantry/auth/jws.ts';
import { deadLetterId } from '@tenantry/contract/dead-letters.ts';
import { type Endpoint, paramNames } from '@tenantry/contract/endpoint.ts';
import { request } from '@tenantry/deploy/demo/api.ts';
import { type Customer, type MainJob, newBotToken, type Order, type Tenant } from '@tenantry/deploy/demo/main-job.ts';
import { newId, type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allEndpoints } from '../support/all-endpoints.ts';
import { openWholeWorld } from '../support/whole-world.ts';
import type { World } from '../support/world.ts';

const endpoints = await allEndpoints();
const guarded = endpoints.filter((endpoint) => endpoint.access === 'principal');
const inner = endpoints.filter((endpoint) => endpoint.access === 'services');
const addressed = guarded.filter((endpoint) => paramNames(endpoint.path).some((name) => name.endsWith('Id')));

let world: World;
let job: MainJob;
let victim: { tenant: Tenant; customer: Customer; order: Order; ids: Record<string, string> };
let stranger: { tenant: Tenant; member: Customer };
let colleague: Customer;

beforeAll(async () => {
  const opened = await openWholeWorld({
    RATE_LIMIT_TENANT_PER_SECOND: '10000',
    RATE_LIMIT_PRINCIPAL_PER_SECOND: '10000',
    RATE_LIMIT_ADDRESS_PER_SECOND: '10000',
    RATE_LIMIT_FAILURES_PER_SECOND: '10000',
  });
  ({ world, job } = opened);
  const tenant = await job.createTenant(opened.operatorToken, 'victim');
  const customer = await job.verify(tenant, 'budi@example.com', await job.register(tenant, 'budi@example.com'));
  colleague = await job.verify(tenant, 'siti@example.com', await job.register(tenant, 'siti@example.com'));
  const bot = await job.registerBot(tenant, newBotToken());
  const planId = await job.findPlan(customer.token, 'pro');
  const order = await job.subscribe(customer, planId);
  await job.pay(order);
  await job.awaitOutcome(customer, order);
  const sessions = await request<{ data: { id: string }[] }>(`${world.gatewayUrl}/v1/me/sessions`, 'GET', {
    token: customer.token,
  });
  const ids = {
    tenantId: tenant.id,
    userId: customer.id,
    sessionId: sessions.body.data[0]?.id ?? '',
    planId,
    subscriptionId: order.subscriptionId,
    invoiceId: order.invoiceId,
    paymentId: order.paymentId,
    botId: bot.id,
    deadLetterId: await plantDeadLetter(tenant.id as 'ten_'),
  };
  victim = { tenant, customer, order, ids };
  const other = await job.createTenant(opened.operatorToken, 'stranger');
  stranger = {
    tenant: other,
    member: await job.verify(other, 'eve@example.com', await job.register(other, 'eve@example.com')),
  };
});
afterAll(() => world.close());

/** An event of the victim's that billing gave up on. */
async function plantDeadLetter(tenantId: TenantId): Promise<string> {
  const [eventId, tenantUuid] = [newId('evt'), uuidOf(tenantId)];
  const event = { id: eventId, type: 'payments.payment.settled.v1', tenantid: tenantId };
  await world.sql(
    `insert into billing.dead_letters (tenant_id, id, consumer, event, cause, attempts, died_at)
     values ($1, $2, 'billing--payments-payment', $3, 'planted', 1, now())`,
    [tenantUuid, uuidOf(eventId), JSON.stringify(event)],
  );
  return deadLetterId('billing', uuidOf(eventId));
}

function urlOf(endpoint: Endpoint, ids: Readonly<Record<string, string>>): string {
  const path = endpoint.path.replaceAll(
    /:([A-Za-z]+)/g,
    (_, name: string) => ids[name] ?? endpoint.example.params[name] ?? 'unknown',
  );
  const query = new URLSearchParams(endpoint.example.query).toString();
  return `${world.gatewayUrl}${path}${query === '' ? '' : `?${query}`}`;
}

const call = (
  endpoint: Endpoint,
  options: { token?: string; ids?: Readonly<Record<string, string>>; headers?: Record<string, string> },
) =>
  request(urlOf(endpoint, options.ids ?? victim.ids), endpoint.method, {
    ...(options.token === undefined ? {} : { token: options.token }),
    ...(endpoint.body === null ? {} : { body: endpoint.example.body }),
    ...(options.headers === undefined ? {} : { headers: options.headers }),
  });

/** A token that says all the right things and is signed by somebody else. */
function forgedTokens(): Record<string, string> {
  const claims = {
    iss: world.gatewayUrl,
    aud: 'tenantry',
    sub: victim.customer.id,
    tid: victim.tenant.id,
    sid: newId('ses'),
    roles: ['owner', 'operator'],
  };
  const now = Math.floor(Date.now() / 1_000);
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const full = { ...claims, iat: now, exp: now + 300 };
  const [header, , signature] = victim.customer.token.split('.');
  const kid = keyIdOf(victim.customer.token) ?? '';
  return {
    'alg none': `${encode({ alg: 'none', typ: 'at+jwt', kid })}.${encode(full)}.`,
    'a foreign key under our kid': signJws(generateSigningKey(kid), 'at+jwt', full),
    'an unknown kid': signJws(generateSigningKey('at-99'), 'at+jwt', full),
    'missing exp': signJws(generateSigningKey(kid), 'at+jwt', { ...claims, iat: now }),
    'a real signature over other claims': `${header}.${encode(full)}.${signature}`,
    'no token at all': 'nonsense',
  };
}

describe('Without a good token', () => {
  it.each(guarded.map((endpoint) => [`${endpoint.method} ${endpoint.path}`, endpoint] as const))(
    '%s is refused',
    async (_, endpoint) => {
      expect(await call(endpoint, {})).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
      for (const [what, token] of Object.entries(forgedTokens())) {
        expect([what, (await call(endpoint, { token })).status]).toEqual([what, 401]);
      }
    },
  );
});

describe('A member', () => {
  it.each(
    guarded
      .filter(({ reach }) => reach !== 'own')
      .map((endpoint) => [`${endpoint.method} ${endpoint.path}`, endpoint] as const),
  )('lacks the permission of %s', async (_, endpoint) => {
    const answer = await call(endpoint, { token: colleague.token });
    expect(answer).toMatchObject({ status: 403, body: { code: 'forbidden', requiredPermission: endpoint.permission } });
  });

  it.each(
    addressed
      .filter(({ reach, path }) => reach === 'own' && !path.includes(':planId'))
      .map((endpoint) => [`${endpoint.method} ${endpoint.path}`, endpoint] as const),
  )('does not see what is another member’s at %s', async (_, endpoint) => {
    expect(await call(endpoint, { token: colleague.token })).toMatchObject({
      status: 404,
      body: { code: 'not-found' },
    });
  });
});

describe('The owner of another tenant', () => {
  it.each(
    addressed
      .filter(({ reach }) => reach !== 'platform')
      .map((endpoint) => [`${endpoint.method} ${endpoint.path}`, endpoint] as const),
  )('finds nothing at %s', async (_, endpoint) => {
    for (const token of [stranger.tenant.adminToken, ...(endpoint.reach === 'own' ? [stranger.member.token] : [])]) {
      expect(await call(endpoint, { token })).toMatchObject({ status: 404, body: { code: 'not-found' } });
    }
  });

  it.each(
    guarded
      .filter(({ reach }) => reach === 'platform')
      .map((endpoint) => [`${endpoint.method} ${endpoint.path}`, endpoint] as const),
  )('is no operator at %s', async (_, endpoint) => {
    expect(await call(endpoint, { token: stranger.tenant.adminToken })).toMatchObject({
      status: 403,
      body: { code: 'forbidden' },
    });
  });

  it('cannot name the victim in X-Tenant-Id', async () => {
    const answer = await request(`${world.gatewayUrl}/v1/me`, 'GET', {
      token: stranger.tenant.adminToken,
      headers: { 'x-tenant-id': victim.tenant.id },
    });
    expect(answer).toMatchObject({ status: 403, body: { code: 'tenant-mismatch' } });
  });

  it('has changed nothing', async () => {
    const read = (path: string) => request(`${world.gatewayUrl}${path}`, 'GET', { token: victim.customer.token });
    expect((await read(`/v1/subscriptions/${victim.order.subscriptionId}`)).body).toMatchObject({
      status: 'active',
      cancelAtPeriodEnd: false,
    });
    expect((await read(`/v1/invoices/${victim.order.invoiceId}`)).body.status).toBe('paid');
    expect((await read(`/v1/payments/${victim.order.paymentId}`)).body.status).toBe('settled');
    expect((await read('/v1/me')).body.status).toBe('active');
    expect(await world.sql('select state, redrives from billing.dead_letters')).toEqual([
      { state: 'dead', redrives: 0 },
    ]);
  });
});

describe('An id that nobody has', () => {
  it.each(
    addressed
      .filter(({ reach }) => reach !== 'platform')
      .map((endpoint) => [`${endpoint.method} ${endpoint.path}`, endpoint] as const),
  )('is not found at %s', async (_, endpoint) => {
    const ids = Object.fromEntries(
      Object.entries(victim.ids).map(([name, id]) => [name, newId(id.slice(0, id.indexOf('_')))]),
    );
    expect(await call(endpoint, { token: victim.tenant.adminToken, ids })).toMatchObject({
      status: 404,
      body: { code: 'not-found' },
    });
  });
});

describe('What is for services only', () => {
  it.each(inner.map((endpoint) => [`${endpoint.method} ${endpoint.path}`, endpoint] as const))(
    '%s does not exist at the gateway, nor for users at the service',
    async (_, endpoint) => {
      expect((await call(endpoint, { token: victim.tenant.adminToken })).status).toBe(404);
      const input = { params: victim.ids as never, ...(endpoint.body === null ? {} : { body: {} as never }) };
      const principal = world.principal(victim.tenant.id as 'ten_', ['owner']);
      const direct = await world.call(endpoint, input, principal);
      expect(direct.status).toBe(404);
      expect((await world.call(endpoint, input, null)).status).toBe(401);
    },
  );
});
