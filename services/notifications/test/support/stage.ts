import type { Principal } from '@tenantry/auth/principal.ts';
import { invoicePaid } from '@tenantry/billing/contract/events.ts';
import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { createEncryptedFileSecrets } from '@tenantry/databases/secrets/encrypted-file.ts';
import { keyringFolder, openKeyring } from '@tenantry/databases/secrets/keyring.ts';
import { type BotId, newId, type TenantId, type UserId, uuidOf } from '@tenantry/kernel/id.ts';
import { expect } from 'vitest';
import { eventually } from '../../../../tests/support/eventually.ts';
import { openWorld } from '../../../../tests/support/world.ts';
import { createBot, createTelegramLink, listNotifications } from '../../contract/notifications.ts';
import { readBotSecret } from '../../use-cases/bot-secrets.ts';
import { openPeople } from './people.ts';
import { openPublicDoor } from './public-door.ts';
import { controlTelegram, newChatId, newToken } from './telegram.ts';

/** A tenant with a bot, and a person whose chat is linked to it. */
export type Linked = {
  readonly tenant: TenantRecord;
  readonly admin: Principal;
  readonly user: Principal;
  readonly chatId: number;
  readonly botId: string;
  readonly username: string;
  readonly token: string;
};

/** Notifications on real stores, with Telegram simulated and users played by a stand-in. */
export async function openStage(environment: Readonly<Record<string, string>> = {}) {
  const door = await openPublicDoor();
  const world = await openWorld({
    services: ['notifications'],
    simulators: ['telegram'],
    environment: { PUBLIC_URL: door.url, ...environment },
  });
  door.leadTo(() => world.urlOf('notifications'));
  const people = await openPeople(world);
  const telegram = controlTelegram(world);

  const registerBot = (admin: Principal, token = newToken(), purpose = 'default') =>
    world.call(createBot, { body: { token, purpose } }, admin);

  const newLink = async (user: Principal): Promise<string> => {
    const answer = await world.call(createTelegramLink, {}, user);
    expect(answer.status).toBe(201);
    return answer.body.url;
  };

  const texts = async (chatId: number): Promise<string[]> =>
    (await telegram.messages(chatId)).map((message) => message.text);

  return {
    world,
    door,
    people,
    telegram,
    registerBot,
    newLink,
    texts,

    /** Resolves with the messages of a chat once there are so many. */
    untilMessages: (chatId: number, count: number, limitMs?: number): Promise<string[]> =>
      eventually(async () => {
        const found = await texts(chatId);
        expect(found).toHaveLength(count);
        return found;
      }, limitMs),

    async link(locale: 'id' | 'en' = 'id'): Promise<Linked> {
      const tenant = await world.addTenant();
      const admin = world.principal(tenant.id, ['admin']);
      const user = world.principal(tenant.id, ['member']);
      people.speaks(user.id, locale);
      const token = newToken();
      const bot = await registerBot(admin, token);
      expect(bot.status).toBe(201);
      const chatId = newChatId();
      await telegram.openLink(await newLink(user), chatId, locale);
      await eventually(async () => expect(await texts(chatId)).toHaveLength(1));
      return { tenant, admin, user, chatId, botId: bot.body.id, username: bot.body.username, token };
    },

    /** Billing tells that an invoice of this user was paid. */
    async pay(
      tenant: TenantRecord,
      userId: string,
      options: { number?: string; eventId?: string; invoiceId?: string } = {},
    ) {
      const invoiceId = (options.invoiceId ?? newId('inv')) as `inv_${string}`;
      await world.publish(invoicePaid, tenant.id, {
        ...(options.eventId === undefined ? {} : { id: options.eventId }),
        subject: invoiceId,
        version: 3,
        data: {
          invoiceId,
          number: options.number ?? 'ACME-2026-000001',
          customerId: userId as UserId,
          subscriptionId: null,
          total: { amount: '166500', currency: 'IDR' },
          paymentId: newId('pay'),
          paidAt: world.clock.now().toString({ smallestUnit: 'millisecond' }),
        },
      });
      return invoiceId;
    },

    /** The newest notification of a user about receipts, as the history shows it. */
    async receipt(user: Principal) {
      const { body } = await world.call(listNotifications, {}, user);
      const found = body.data.find((notification) => notification.topic === 'receipt');
      if (found === undefined) throw new Error('There is no receipt yet.');
      return found;
    },

    /** What Telegram shows to prove itself, read the way the service keeps it. */
    async secretOf(botId: BotId, tenantId: TenantId): Promise<string> {
      const folder = `${world.dataDir}/secrets`;
      const { dataDir, masterKey } = world;
      const keyring = openKeyring({ folder: keyringFolder(dataDir), masterKey });
      const secrets = createEncryptedFileSecrets({ folder, masterKey, service: 'notifications', keyring });
      const secret = await readBotSecret(secrets, tenantId, botId);
      if (secret === null) throw new Error(`Bot ${botId} has no secret.`);
      return secret.webhookSecret;
    },

    /** The receipts of a user as they stand in the database. */
    rows: (user: Principal) =>
      world.sql<{ id: string; status: string; attempts: number; uncertain: number; failure: string | null }>(
        `select id, status, attempts, uncertain, failure from notifications.notifications where user_id = $1 and topic = 'receipt'`,
        [uuidOf(user.id as UserId)],
      ),

    /** What is still owed to a user. */
    dueOf: (user: Principal) =>
      world.sql(
        `select due.id from notifications.due join notifications.notifications using (tenant_id, id) where user_id = $1`,
        [uuidOf(user.id as UserId)],
      ),

    async close(): Promise<void> {
      await world.close();
      await people.close();
      await door.close();
    },
  };
}

export type Stage = Awaited<ReturnType<typeof openStage>>;
