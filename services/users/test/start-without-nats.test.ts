import { KEYS_BUCKET, type PublishedKey } from '@tenantry/auth/buckets.ts';
import { TENANTS_BUCKET, type TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { connectNats } from '@tenantry/events/nats.ts';
import { watchState } from '@tenantry/events/pushed-state.ts';
import { openPrivateNats } from '@tenantry/events/test/private-nats.ts';
import { PLATFORM_TENANT_ID } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { OPERATOR_PASSWORD, openWorld, type World } from '../../../tests/support/world.ts';
import { login } from '../contract/auth.ts';
import { createTenant } from '../contract/tenants.ts';

let server: Awaited<ReturnType<typeof openPrivateNats>>;
let world: World;
beforeAll(async () => {
  server = await openPrivateNats();
  world = await openWorld({ services: ['users'], simulators: ['mailbox'], environment: { NATS_URL: server.url } });
});
afterAll(async () => {
  await world.close();
  await server.close();
});

describe('A service that starts while NATS is away', () => {
  it('says so and works on its own store; what it has to tell is told when NATS comes', {
    timeout: 60_000,
  }, async () => {
    await world.stop('users');
    await server.kill();
    // What is pushed is lost with it: all of it has to be told anew.
    server.loseFiles();
    await world.start('users');
    const body = { tenant: 'platform', email: 'operator@tenantry.local', password: OPERATOR_PASSWORD };
    expect((await world.call(login, { body }, null)).status).toBe(200);
    const created = await world.call(
      createTenant,
      {
        body: {
          slug: 'late',
          name: 'Late Trading',
          country: 'ID',
          currency: 'IDR',
          timeZone: 'Asia/Jakarta',
          tax: { registered: true, npwp: '0012345678901000' },
          admin: { email: 'admin@late.example', password: 'correct horse battery', name: 'Ayu' },
        },
      },
      world.principal(PLATFORM_TENANT_ID, ['owner', 'operator']),
    );
    expect(created.status).toBe(201);
    await eventually(async () => {
      const ready = await world.readiness('users');
      expect([ready.httpStatus, ready.status, ready.stateOf('nats')]).toEqual([200, 'degraded', 'down']);
    });

    await server.restart();
    const nats = await connectNats({ url: server.url, name: 'reader', namespace: world.namespace });
    const keys = await watchState<PublishedKey>(nats, KEYS_BUCKET);
    const tenants = await watchState<TenantRecord>(nats, TENANTS_BUCKET);
    await eventually(() => {
      expect(keys.entries().size).toBe(1);
      expect([...tenants.entries().values()].map(({ slug }) => slug).toSorted()).toEqual(['late', 'platform']);
    });
    // The outbox, too.
    await eventually(async () => expect(await world.sql('select 1 from users.outbox')).toEqual([]));
    await eventually(async () => expect((await world.readiness('users')).stateOf('nats')).toBe('up'));
    for (const state of [keys, tenants]) await state.close();
    await nats.close();
  });
});
