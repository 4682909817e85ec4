import { randomBytes } from 'node:crypto';
import { request } from '@tenantry/deploy/demo/api.ts';
import { type MainJob, newBotToken, type Tenant } from '@tenantry/deploy/demo/main-job.ts';
import { PLATFORM_TENANT_UUID, uuidOf } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { openPostgresProxy } from '../../packages/databases/test/postgres-proxy.ts';
import { copyTemplate } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { openWholeWorld } from '../support/whole-world.ts';
import type { World } from '../support/world.ts';

// Tenant zero lives in the main database; whoever is created from now on in a second one, which can be cut off.
type Copy = Awaited<ReturnType<typeof copyTemplate>>;
let second: Copy;
let way: Awaited<ReturnType<typeof openPostgresProxy>>;
let world: World;
let job: MainJob;
let operatorToken: string;
let isCut = false;

beforeAll(async () => {
  second = await copyTemplate(inject('postgresUrl'), `t${randomBytes(5).toString('hex')}`);
  way = await openPostgresProxy(second.serviceUrl);
  way.judgeBy(() => (isCut ? 'cut-before-answer' : 'pass'));
  ({ world, job, operatorToken } = await openWholeWorld({
    TENANT_DATABASES: `second=${way.url}`,
    TENANT_PLACEMENTS: `since:${Temporal.Now.instant().toString()}=second`,
  }));
});
afterAll(async () => {
  await world.close();
  await way.close();
  await second.drop();
});

const TENANT_TABLES = `
  select table_schema || '.' || table_name as name from information_schema.columns
  where column_name = 'tenant_id' and table_schema in ('users', 'subscriptions', 'payments', 'notifications', 'billing')`;

/** Tables with rows of this tenant, and how many; due rows and events on their way among them. */
async function rowsOf({ sql }: Pick<Copy, 'sql'>, tenantUuid: string): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  for (const { name } of await sql<{ name: string }>(TENANT_TABLES)) {
    const [row] = await sql<{ count: number }>(`select count(*)::int as count from ${name} where tenant_id = $1`, [
      tenantUuid,
    ]);
    if (row !== undefined && row.count > 0) found.set(name, row.count);
  }
  return found;
}

async function walk(tenant: Tenant, chatId: number) {
  const email = `budi@${tenant.slug}.example`;
  const customer = await job.verify(tenant, email, await job.register(tenant, email));
  await job.registerBot(tenant, newBotToken());
  await job.linkTelegram(customer, chatId);
  const order = await job.subscribe(customer, await job.findPlan(customer.token, 'pro'));
  await job.pay(order);
  const { invoice } = await job.awaitOutcome(customer, order);
  return { customer, order, invoice, receipt: await job.awaitReceipt(chatId, invoice.number) };
}

const SERVICES = ['users', 'subscriptions', 'payments', 'notifications', 'billing'] as const;
let acme: Tenant;

describe('A tenant in a database of its own', () => {
  it('walks through the main job there, with events, due work and idempotency, and leaves nothing in the main one', async () => {
    acme = await job.createTenant(operatorToken, 'acme');
    const { receipt, invoice } = await walk(acme, 7_001);
    expect(receipt).toContain(invoice.number);
    expect([...(await rowsOf(world, uuidOf(acme.id as `ten_${string}`)))]).toEqual([]);
    const there = await rowsOf(second, uuidOf(acme.id as `ten_${string}`));
    for (const table of ['users.tenants', 'billing.invoices', 'payments.payments', 'subscriptions.subscriptions'])
      expect([table, there.get(table)]).not.toEqual([table, undefined]);
    expect([...(await rowsOf(second, PLATFORM_TENANT_UUID))]).toEqual([]);
    for (const { sql } of [world, second])
      for (const service of SERVICES)
        await eventually(async () => expect(await sql(`select 1 from ${service}.outbox`)).toEqual([]));
  });

  it('is found with those of the other databases, and keeps what is unique on the platform', async () => {
    const all = await request<{ data: { slug: string }[] }>(`${world.gatewayUrl}/v1/tenants`, 'GET', {
      token: operatorToken,
    });
    expect(all.body.data.map(({ slug }) => slug)).toEqual(['acme', 'platform']);
    for (const slug of ['acme', 'platform'])
      await expect(job.createTenant(operatorToken, slug)).rejects.toThrow('slug-taken');
  });

  it('and another one cannot both have one Telegram bot, also when they ask at one instant', async () => {
    const token = newBotToken();
    const ask = (owner: string) =>
      request<{ code?: string }>(`${world.gatewayUrl}/v1/bots`, 'POST', {
        token: owner,
        body: { token, purpose: `bot-${token.slice(0, 6)}` },
      });
    const answers = await Promise.all([ask(operatorToken), ask(acme.adminToken)]);
    expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 409]);
    expect(answers.map(({ body }) => body.code)).toContain('bot-taken');
    expect(await world.sql('select 1 from notifications.name_claims')).toEqual([]);
  });

  it('is away with it: 503 for its people alone, and all is made up for when it is back', async () => {
    const { customer } = await walk(await job.createTenant(operatorToken, 'beta'), 7_002);
    const mine = () => request<{ code: string }>(`${world.gatewayUrl}/v1/subscriptions`, 'GET', customer);
    const operators = () => request(`${world.gatewayUrl}/v1/subscriptions`, 'GET', { token: operatorToken });
    isCut = true;
    await eventually(async () => {
      expect((await world.readiness('subscriptions')).stateOf('postgres-second')).toBe('down');
    });
    const readiness = await world.readiness('subscriptions');
    expect([readiness.httpStatus, readiness.status, readiness.stateOf('postgres')]).toEqual([200, 'degraded', 'up']);
    expect(readiness.degradedModes.join()).toContain('Tenants that live in postgres-second get 503');
    const refused = await mine();
    expect([refused.status, refused.body.code]).toEqual([503, 'upstream-unavailable']);
    expect(JSON.stringify(refused.body)).not.toMatch(/postgres:|select|127\.0\.0\.1/);
    for (let i = 0; i < 5; i++) expect((await operators()).status).toBe(200);

    isCut = false;
    await eventually(async () => expect((await mine()).status).toBe(200));
    const { receipt, invoice } = await walk(await job.createTenant(operatorToken, 'gamma'), 7_003);
    expect(receipt).toContain(invoice.number);
    for (const service of SERVICES)
      await eventually(async () => expect(await second.sql(`select 1 from ${service}.outbox`)).toEqual([]));
  });
});
