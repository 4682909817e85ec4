import { invoicePaid } from '@tenantry/billing/contract/events.ts';
import { newId, PLATFORM_TENANT_ID } from '@tenantry/kernel/id.ts';
import { login, register, verifyAccount } from '@tenantry/users/contract/auth.ts';
import { updateMe } from '@tenantry/users/contract/me.ts';
import { createTenant } from '@tenantry/users/contract/tenants.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { openWorld, type World } from '../../../tests/support/world.ts';
import { createBot, createTelegramLink } from '../contract/notifications.ts';
import { openPublicDoor } from './support/public-door.ts';
import { controlTelegram, newChatId, newToken } from './support/telegram.ts';

const password = 'correct horse battery';

let door: Awaited<ReturnType<typeof openPublicDoor>>;
let world: World;
beforeAll(async () => {
  door = await openPublicDoor();
  world = await openWorld({
    services: ['users', 'notifications'],
    simulators: ['mailbox', 'telegram'],
    environment: { PUBLIC_URL: door.url },
  });
  door.leadTo(() => world.urlOf('notifications'));
});
afterAll(async () => {
  await world?.close();
  await door?.close();
});

const verificationToken = (email: string): Promise<string> =>
  eventually(async () => {
    const response = await fetch(`${world.mailboxUrl}/messages?to=${encodeURIComponent(email)}`);
    const { data } = (await response.json()) as { data: { tokens: string[] }[] };
    expect(data[0]?.tokens).toHaveLength(1);
    return data[0]?.tokens[0] ?? '';
  });

describe('Somebody who registered', () => {
  it('is written to in the language of their profile, and in the new one after they changed it', async () => {
    const created = await world.call(
      createTenant,
      {
        body: {
          slug: 'acme',
          name: 'Acme Trading',
          country: 'ID',
          currency: 'IDR',
          timeZone: 'Asia/Jakarta',
          admin: { email: 'admin@acme.example', password, name: 'Ayu' },
        },
      },
      world.principal(PLATFORM_TENANT_ID, ['owner', 'operator']),
    );
    expect(created.status).toBe(201);
    const tenantId = created.body.id;
    const email = 'budi@acme.example';
    await world.call(register, { body: { tenant: 'acme', email, password, name: 'Budi', locale: 'id' } }, null);
    await world.call(verifyAccount, { body: { token: await verificationToken(email) } }, null);
    const signedIn = await world.call(login, { body: { tenant: 'acme', email, password } }, null);
    expect(signedIn.status).toBe(200);
    const user = world.principal(tenantId, ['member'], signedIn.body.user.id);

    const telegram = controlTelegram(world);
    const bot = await world.call(createBot, { body: { token: newToken() } }, world.principal(tenantId, ['admin']));
    expect(bot.status).toBe(201);
    const chatId = newChatId();
    const link = await world.call(createTelegramLink, {}, user);
    // The app of this person speaks English; the profile decides.
    await telegram.openLink(link.body.url, chatId, 'en');
    const texts = async () => (await telegram.messages(chatId)).map(({ text }) => text);
    await eventually(async () => expect((await texts())[0]).toContain('terhubung dengan akun Anda'));

    await world.call(updateMe, { body: { locale: 'en' } }, user);
    await world.restart('notifications'); // forgets what it remembered of profiles
    const invoiceId = newId('inv');
    await world.publish(invoicePaid, tenantId, {
      subject: invoiceId,
      version: 3,
      data: {
        invoiceId,
        number: 'ACME-2026-000001',
        customerId: signedIn.body.user.id,
        subscriptionId: null,
        total: { amount: '166500', currency: 'IDR' },
        paymentId: newId('pay'),
        paidAt: world.clock.now().toString({ smallestUnit: 'millisecond' }),
      },
    });
    await eventually(async () =>
      expect((await texts())[1]).toBe('Payment received\nInvoice ACME-2026-000001 of Rp 166.500 is paid. Thank you!'),
    );
  });
});
