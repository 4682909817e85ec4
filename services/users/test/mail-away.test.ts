import { PLATFORM_TENANT_ID } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { openWorld, type World } from '../../../tests/support/world.ts';
import { register } from '../contract/auth.ts';
import { createTenant } from '../contract/tenants.ts';

const password = 'correct horse battery';
let world: World;
beforeAll(async () => {
  world = await openWorld({ services: ['users'], simulators: ['mailbox'] });
});
afterAll(() => world.close());

const signUp = (email: string) =>
  world.call(register, { body: { tenant: 'away', email, password, name: 'Budi', locale: 'id' } }, null);
const mailsTo = async (email: string): Promise<readonly unknown[]> => {
  const response = await fetch(`${world.mailboxUrl}/messages?to=${encodeURIComponent(email)}`);
  return ((await response.json()) as { data: readonly unknown[] }).data;
};

describe('While the mail server is away', () => {
  it('people sign up all the same; when it is back that is known, and each gets one mail', {
    timeout: 90_000,
  }, async () => {
    const tenant = await world.call(
      createTenant,
      {
        body: {
          slug: 'away',
          name: 'Away Trading',
          country: 'ID',
          currency: 'IDR',
          timeZone: 'Asia/Jakarta',
          tax: { registered: true, npwp: '0012345678901000' },
          admin: { email: 'admin@away.example', password, name: 'Ayu' },
        },
      },
      world.principal(PLATFORM_TENANT_ID, ['owner', 'operator']),
    );
    expect(tenant.status).toBe(201);
    const openAgain = await world.suspend('mailbox');
    const emails = Array.from({ length: 6 }, (_, index) => `budi-${index}@away.example`);
    for (const email of emails) expect((await signUp(email)).status).toBe(202);
    await eventually(async () => {
      const ready = await world.readiness('users');
      expect(ready).toMatchObject({ httpStatus: 200, status: 'degraded' });
      expect(ready.degradedModes).toEqual([expect.stringMatching(/^Mails wait as rows/)]);
      expect(ready.stateOf('smtp')).toBe('down');
    });

    await openAgain();
    await eventually(async () => {
      const ready = await world.readiness('users');
      // It serves again; the last minute was not all well, which stays to be seen.
      expect([ready.degradedModes, ready.stateOf('smtp')]).toEqual([[], expect.stringMatching(/^(degraded|up)$/)]);
    }, 60_000);
    for (const email of emails)
      await eventually(async () => {
        world.clock.advance({ seconds: 10 });
        expect(await mailsTo(email)).toHaveLength(1);
      });
  });
});
