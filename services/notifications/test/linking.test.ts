import { randomInt } from 'node:crypto';
import { type BotId, newId } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { createTelegramLink } from '../contract/notifications.ts';
import { openStage, type Stage } from './support/stage.ts';
import { newChatId, newToken } from './support/telegram.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage?.close());

const REFUSED = 'Tautan ini tidak berlaku. Buat tautan baru di akun Anda, lalu buka dalam 15 menit.';

describe('Connecting a chat by a link', () => {
  it('greets in the language of the user', async () => {
    const { chatId } = await stage.link('id');
    const [greeting] = await stage.texts(chatId);
    expect(greeting).toContain('terhubung dengan akun Anda');
  });

  it('offers a link of the form that Telegram knows, valid for 15 minutes', async () => {
    const { user } = await stage.link();
    const { body } = await stage.world.call(createTelegramLink, {}, user);
    expect(body.url).toMatch(/^https:\/\/t\.me\/\w+\?start=[A-Za-z0-9_-]{32}$/);
    const validMs = Temporal.Instant.from(body.expiresAt).since(stage.world.clock.now()).total('minutes');
    expect(validMs).toBeGreaterThan(14);
    expect(validMs).toBeLessThanOrEqual(15);
  });

  it('keeps codes as hashes only', async () => {
    const { user } = await stage.link();
    const url = await stage.newLink(user);
    const rows = await stage.world.sql(`select code_hash from notifications.telegram_link_codes`);
    expect(JSON.stringify(rows)).not.toContain(url.split('start=')[1]);
  });

  it('works once: a second chat gets a refusal and no messages', async () => {
    const { tenant, user, chatId } = await stage.link();
    const url = await stage.newLink(user);
    await stage.telegram.openLink(url, chatId);
    const stranger = newChatId();
    await stage.telegram.openLink(url, stranger);
    expect(await stage.untilMessages(stranger, 1)).toEqual([REFUSED]);
    await stage.pay(tenant, user.id);
    await stage.untilMessages(chatId, 3);
    expect(await stage.texts(stranger)).toEqual([REFUSED]);
  });

  it('gives one user to one of two who open the same link at the same moment', async () => {
    const { user } = await stage.link();
    const url = await stage.newLink(user);
    const chats = [newChatId(), newChatId()];
    await Promise.all(chats.map((chat) => stage.telegram.openLink(url, chat)));
    const answers = await Promise.all(chats.map((chat) => stage.untilMessages(chat, 1)));
    expect(answers.flat().filter((text) => text === REFUSED)).toHaveLength(1);
  });

  it('answers an unknown, an expired, a used and another bot’s code with the same sentence', async () => {
    const one = await stage.link();
    const other = await stage.link();
    const bot = `https://t.me/${one.username}?start=`;
    const expired = await stage.newLink(one.user);
    stage.world.clock.advance({ minutes: 16 });
    const foreign = (await stage.newLink(other.user)).split('start=')[1] ?? '';
    const used = await stage.newLink(one.user);
    await stage.telegram.openLink(used, newChatId());
    for (const url of [`${bot}neverGivenOutToAnybodyAtAll12345`, expired, used, `${bot}${foreign}`]) {
      const chat = newChatId();
      await stage.telegram.openLink(url, chat);
      expect(await stage.untilMessages(chat, 1)).toEqual([REFUSED]);
    }
    // The foreign code was not used up by the wrong bot.
    const chat = newChatId();
    await stage.telegram.openLink(`https://t.me/${other.username}?start=${foreign}`, chat);
    expect((await stage.untilMessages(chat, 1))[0]).toContain('terhubung dengan akun');
  });

  it('moves a user to the chat that was connected last', async () => {
    const { tenant, user, chatId } = await stage.link();
    const phone = newChatId();
    await stage.telegram.openLink(await stage.newLink(user), phone);
    await stage.untilMessages(phone, 1);
    await stage.pay(tenant, user.id);
    await stage.untilMessages(phone, 2);
    expect(await stage.texts(chatId)).toHaveLength(1);
  });

  it('answers a bare /start with how to connect, once a minute', async () => {
    const { username } = await stage.link();
    const chat = newChatId();
    await stage.telegram.openLink(`https://t.me/${username}`, chat, 'en');
    await stage.telegram.write(chat, '/start');
    await stage.telegram.write(chat, 'just talking');
    expect(await stage.untilMessages(chat, 1)).toEqual([
      'To connect this chat, create a Telegram link in your account and open it on this phone.',
    ]);
  });

  it('writes who was connected and disconnected into the audit, without the chat', async () => {
    const { user, chatId } = await stage.link();
    await stage.telegram.write(chatId, '/stop');
    const rows = await eventually(async () => {
      const found = await stage.world.sql<{ action: string; detail: unknown }>(
        `select action, detail from notifications.audit where on_behalf_of = $1 order by id`,
        [user.id],
      );
      expect(found.map(({ action }) => action)).toEqual(['telegram-link:create', 'telegram-link:end']);
      return found;
    });
    expect(JSON.stringify(rows)).not.toContain(String(chatId));
  });
});

describe('Disconnecting', () => {
  it('ends with /stop, and says so', async () => {
    const { tenant, user, chatId } = await stage.link('id');
    await stage.telegram.write(chatId, '/stop');
    const [, goodbye] = await stage.untilMessages(chatId, 2);
    expect(goodbye).toContain('tidak lagi terhubung');
    await stage.pay(tenant, user.id);
    await eventually(async () =>
      expect(await stage.receipt(user)).toMatchObject({ status: 'suppressed', failure: 'no-linked-chat' }),
    );
  });

  it('ends when the bot is blocked and comes back when it is unblocked', async () => {
    const { tenant, user, chatId } = await stage.link();
    const isLinked = async (): Promise<boolean> =>
      (
        await stage.world.sql(`select 1 from notifications.telegram_links where chat_id = $1 and ended_at is null`, [
          chatId,
        ])
      ).length === 1;
    await stage.telegram.setChat(chatId, 'blocked');
    await eventually(async () => expect(await isLinked()).toBe(false));
    await stage.telegram.setChat(chatId, 'active');
    await eventually(async () => expect(await isLinked()).toBe(true));
    await stage.pay(tenant, user.id);
    await stage.untilMessages(chatId, 2);
  });
});

describe('The webhook', () => {
  const post = (botId: string, secret: string | null, body: unknown) =>
    fetch(`${stage.world.urlOf('notifications')}/v1/webhooks/telegram/${botId}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(secret === null ? {} : { 'x-telegram-bot-api-secret-token': secret }),
      },
      body: JSON.stringify(body),
    });
  const start = (chatId: number, updateId: number, text = '/start') => ({
    update_id: updateId,
    message: {
      message_id: 1,
      date: 1,
      text,
      chat: { id: chatId, type: 'private' },
      from: { id: chatId, is_bot: false, first_name: 'X' },
    },
  });

  it('refuses a wrong, a missing and an empty secret, and a bot that does not exist, all alike', async () => {
    const { botId } = await stage.link();
    const chat = newChatId();
    const answers = await Promise.all([
      post(botId, 'wrong', start(chat, 1)),
      post(botId, null, start(chat, 2)),
      post(botId, '', start(chat, 3)),
      post(newId('bot'), 'wrong', start(chat, 4)),
    ]);
    const bodies = await Promise.all(
      answers.map(async (answer) => ({ ...((await answer.json()) as object), traceId: '', instance: '' })),
    );
    expect(answers.map(({ status }) => status)).toEqual([403, 403, 403, 403]);
    expect(bodies[0]).toMatchObject({ code: 'webhook-refused' });
    for (const body of bodies) expect(body).toEqual(bodies[0]);
    expect(await stage.world.sql(`select 1 from notifications.notifications where chat_id = $1`, [chat])).toEqual([]);
  });

  it('refuses the secret of another bot', async () => {
    const [one, other] = [await stage.link(), await stage.link()];
    const secret = await stage.secretOf(other.botId as BotId, other.tenant.id);
    expect((await post(one.botId, secret, start(newChatId(), 1))).status).toBe(403);
    expect((await post(other.botId, secret, start(newChatId(), randomInt(1e6)))).status).toBe(200);
  });

  it('handles an update once, however often it is delivered', async () => {
    const { botId, tenant, user } = await stage.link();
    const secret = await stage.secretOf(botId as BotId, tenant.id);
    const payload = (await stage.newLink(user)).split('start=')[1];
    const update = start(newChatId(), 7_000_001, `/start ${payload}`);
    for (let delivery = 0; delivery < 3; delivery++) expect((await post(botId, secret, update)).status).toBe(200);
    const rows = await stage.world.sql<{ topic: string }>(
      `select topic from notifications.notifications where chat_id = $1`,
      [update.message.chat.id],
    );
    expect(rows).toEqual([{ topic: 'link' }]);
  });

  it('takes every kind of update there may be, and answers 200', async () => {
    const { botId, tenant } = await stage.link();
    const secret = await stage.secretOf(botId as BotId, tenant.id);
    const oddities = [
      { update_id: 8_000_001 },
      { update_id: 8_000_002, callback_query: {} },
      { update_id: 8_000_003, message: null },
      { update_id: 8_000_004, message: { text: 7, chat: 'x' } },
      { update_id: 8_000_005, message: { text: '/start x', chat: { id: -5, type: 'group' } } },
      {
        update_id: 8_000_006,
        my_chat_member: { chat: { id: 1, type: 'private' }, new_chat_member: { status: 'kicked' } },
      },
    ];
    for (const update of oddities) expect((await post(botId, secret, update)).status).toBe(200);
  });

  it('goes on after a restart', async () => {
    const { user } = await stage.link();
    await stage.world.restart('notifications');
    const chat = newChatId();
    await stage.telegram.openLink(await stage.newLink(user), chat);
    await stage.untilMessages(chat, 1);
  });
});

describe('A tenant without a bot', () => {
  it('offers no link', async () => {
    const tenant = await stage.world.addTenant();
    const user = stage.world.principal(tenant.id, ['member']);
    expect(await stage.world.call(createTelegramLink, {}, user)).toMatchObject({
      status: 409,
      body: { code: 'no-bot' },
    });
    await stage.registerBot(stage.world.principal(tenant.id, ['admin']), newToken(), 'support');
    expect((await stage.world.call(createTelegramLink, {}, user)).status).toBe(201);
  });
});
