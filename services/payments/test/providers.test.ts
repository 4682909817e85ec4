import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Principal } from '@tenantry/auth/principal.ts';
import { newId } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configureProvider, readProviders } from '../contract/providers.ts';
import { BCA, openStory, type Story } from './story.ts';

const KEY = 'SB-Mid-server-ownKeyOfThisTenant42';

describe('Credentials of the payment provider in production', () => {
  let story: Story;
  beforeAll(async () => {
    story = await openStory({ TENANTRY_ENVIRONMENT: 'production' });
  });
  afterAll(() => story.close());

  const set = (principal: Principal, serverKey: string) =>
    story.world.call(configureProvider, { body: { environment: 'sandbox', serverKey } }, principal);
  const list = (principal: Principal) => story.world.call(readProviders, {}, principal);

  it('must be set before anything can be charged', async () => {
    const tenant = await story.world.addTenant();
    const customer = story.world.principal(tenant.id, ['member']);
    const admin = story.world.principal(tenant.id, ['admin']);
    const options = { id: newId('pay'), invoiceId: newId('inv') };
    const refused = await story.charge(tenant, customer, BCA, options);
    expect(refused).toMatchObject({ status: 409, body: { code: 'payment-provider-not-configured' } });
    expect((await list(admin)).body.data).toEqual([]);
    expect(await story.events(options.id)).toEqual([]);

    expect(await set(admin, KEY)).toMatchObject({
      status: 200,
      body: { provider: 'midtrans', environment: 'sandbox', serverKeyHint: 'SB-Mid-server-…nt42' },
    });
    expect((await story.charge(tenant, customer, BCA, options)).body).toMatchObject({ status: 'pending' });
    expect(await story.transactions(options.id)).toMatchObject([{ server_key: KEY }]);
    expect(await story.audited(tenant.id)).toEqual(['payment-provider:update']);
  });

  it('are shown by a hint and kept encrypted: the key is in no row and no file', async () => {
    const tenant = await story.world.addTenant();
    const admin = story.world.principal(tenant.id, ['admin']);
    await set(admin, KEY);
    expect(JSON.stringify((await list(admin)).body)).not.toContain(KEY);
    const rows = await story.world.sql<{ text: string }>(
      `select row_to_json(p)::text as text from payments.payment_providers p
       union all select row_to_json(a)::text from payments.audit a union all select row_to_json(o)::text from payments.outbox o`,
    );
    expect(rows.some(({ text }) => text.includes(KEY))).toBe(false);
    const folder = join(story.world.dataDir, 'secrets', 'payments', tenant.id);
    for (const file of await readdir(folder)) {
      expect((await readFile(join(folder, file))).includes(KEY)).toBe(false);
    }
  });

  it('are set by an admin, for the own tenant only, and replace the earlier ones', async () => {
    const tenant = await story.world.addTenant();
    const admin = story.world.principal(tenant.id, ['admin']);
    for (const roles of [['member'], ['billing']]) {
      expect((await set(story.world.principal(tenant.id, roles), KEY)).status).toBe(403);
    }
    expect(await set(admin, 'not a key')).toMatchObject({ status: 400, body: { code: 'validation-failed' } });
    await set(admin, KEY);
    await set(admin, 'SB-Mid-server-anotherKey0000000001');
    expect((await list(admin)).body.data).toMatchObject([{ serverKeyHint: 'SB-Mid-server-…0001' }]);
    const other = await story.world.addTenant();
    expect((await list(story.world.principal(other.id, ['admin']))).body.data).toEqual([]);
  });

  it('that the provider does not take are named as the cause', async () => {
    const tenant = await story.world.addTenant();
    const admin = story.world.principal(tenant.id, ['admin']);
    const revoked = 'SB-Mid-server-revokedKey00000001';
    await set(admin, revoked);
    await story.simulate('/merchants', { serverKey: revoked, revoked: true });
    const customer = story.world.principal(tenant.id, ['member']);
    const options = { id: newId('pay'), invoiceId: newId('inv') };
    for (let i = 0; i < 2; i++) {
      const answer = await story.charge(tenant, customer, BCA, options);
      expect(answer).toMatchObject({ status: 409, body: { code: 'payment-provider-not-configured' } });
    }
    expect(await story.read(admin, options.id)).toMatchObject({ status: 'denied' });
  });

  it('stand alone: while the provider fails for one tenant, it works for the others', async () => {
    const [sick, well] = [await story.world.addTenant(), await story.world.addTenant()];
    const buyer = (tenant: typeof sick) => story.world.principal(tenant.id, ['member']);
    const sickKey = 'SB-Mid-server-sickTenant000000001';
    await set(story.world.principal(sick.id, ['admin']), sickKey);
    await set(story.world.principal(well.id, ['admin']), KEY);
    const fault = { kind: 'error', statusCode: '503' };
    await story.simulate('/faults', { match: { serverKey: sickKey }, times: 1_000, fault });
    await Promise.all(Array.from({ length: 12 }, () => story.charge(sick, buyer(sick), BCA)));
    const reached = async () =>
      ((await story.simulate('/faults', undefined, 'GET'))['data'] as { times: number }[])[0]?.times;
    const before = await reached();
    // The breaker of this tenant is open: the intent is kept, the provider is left alone.
    expect((await story.charge(sick, buyer(sick), BCA)).body).toMatchObject({ status: 'processing' });
    expect(await reached()).toBe(before);
    expect((await story.charge(well, buyer(well), BCA)).body).toMatchObject({ status: 'pending' });
    await story.simulate('/faults', undefined, 'DELETE');
  });
});

describe('Credentials of the payment provider in development', () => {
  let story: Story;
  beforeAll(async () => {
    story = await openStory();
  });
  afterAll(() => story.close());

  it('are there at first use, at the sandbox, each tenant’s own, also with several first uses at once', async () => {
    const tenants = await Promise.all(Array.from({ length: 3 }, () => story.world.addTenant()));
    const hints = await Promise.all(
      tenants.map(async (tenant) => {
        const admin = story.world.principal(tenant.id, ['admin']);
        const answers = await Promise.all([
          ...Array.from({ length: 3 }, () => story.charge(tenant, story.world.principal(tenant.id, ['member']), BCA)),
        ]);
        for (const answer of answers) expect(answer.body).toMatchObject({ status: 'pending' });
        const { body } = await story.world.call(readProviders, {}, admin);
        expect(body.data).toMatchObject([{ environment: 'sandbox' }]);
        expect(await story.audited(tenant.id)).toEqual(['payment-provider:update']);
        return body.data[0]?.serverKeyHint;
      }),
    );
    expect(new Set(hints).size).toBe(3);
  });

  it('are there when somebody looks', async () => {
    const tenant = await story.world.addTenant();
    const { body } = await story.world.call(readProviders, {}, story.world.principal(tenant.id, ['admin']));
    expect(body.data).toMatchObject([{ provider: 'midtrans', environment: 'sandbox' }]);
  });

  it('that could not be kept were never set: the sandbox goes on being provided', async () => {
    const tenant = await story.world.addTenant();
    const admin = story.world.principal(tenant.id, ['admin']);
    // A folder in the place of the file, as a full or broken disk would have it.
    const file = join(story.world.dataDir, 'secrets', 'payments', tenant.id, 'midtrans.secret');
    await mkdir(join(file, 'in-the-way'), { recursive: true });
    const body = { environment: 'sandbox' as const, serverKey: KEY };
    expect((await story.world.call(configureProvider, { body }, admin)).status).toBe(500);
    await rm(file, { recursive: true });
    const customer = story.world.principal(tenant.id, ['member']);
    expect((await story.charge(tenant, customer, BCA)).body).toMatchObject({ status: 'pending' });
    expect((await story.world.call(configureProvider, { body }, admin)).status).toBe(200);
    const { id } = await story.pending(tenant, customer, BCA);
    expect(await story.transactions(id)).toMatchObject([{ server_key: KEY }]);
  });

  it('whose key was lost are named as the cause until an admin sets them again', async () => {
    const tenant = await story.world.addTenant();
    const admin = story.world.principal(tenant.id, ['admin']);
    const customer = story.world.principal(tenant.id, ['member']);
    const body = { environment: 'sandbox' as const, serverKey: KEY };
    await story.world.call(configureProvider, { body }, admin);
    await rm(join(story.world.dataDir, 'secrets', 'payments', tenant.id, 'midtrans.secret'));
    const refused = await story.charge(tenant, customer, BCA);
    expect(refused).toMatchObject({ status: 409, body: { code: 'payment-provider-not-configured' } });
    await story.world.call(configureProvider, { body }, admin);
    await story.pending(tenant, customer, BCA);
  });
});
