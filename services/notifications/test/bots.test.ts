import { type BotId, newId } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { createBot, createTelegramLink, deleteBot, listBots, readBotHealth } from '../contract/notifications.ts';
import { openStage, type Stage } from './support/stage.ts';
import { newToken } from './support/telegram.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage?.close());

const newAdmin = async () => {
  const tenant = await stage.world.addTenant();
  return { tenant, admin: stage.world.principal(tenant.id, ['admin']) };
};
const botIdOf = (token: string): number => Number(token.split(':')[0]);

describe('Registering a bot', () => {
  it('points its webhook at us and never shows the token', async () => {
    const { admin } = await newAdmin();
    const token = newToken();
    const answer = await stage.registerBot(admin, token);
    expect(answer).toMatchObject({ status: 201, body: { status: 'healthy', purpose: 'default' } });
    const { webhookUrl } = (await stage.telegram.bot(answer.body.username)) ?? {};
    expect(webhookUrl).toBe(`${stage.door.url}/v1/webhooks/telegram/${answer.body.id}`);
    const listed = await stage.world.call(listBots, {}, admin);
    expect(listed.body.data).toEqual([answer.body]);
    expect(JSON.stringify([answer.body, listed.body])).not.toContain(token);
    const columns = await stage.world.sql(`select * from notifications.bots where username = $1`, [
      answer.body.username,
    ]);
    expect(JSON.stringify(columns, (_, value) => (typeof value === 'bigint' ? String(value) : value))).not.toContain(
      token.split(':')[1],
    );
  });

  it('refuses a token that Telegram does not know', async () => {
    const { admin } = await newAdmin();
    await stage.telegram.limits({ unknownBots: 'refuse' });
    try {
      expect(await stage.registerBot(admin)).toMatchObject({ status: 422, body: { code: 'bot-token-refused' } });
    } finally {
      await stage.telegram.limits({ unknownBots: 'accept' });
    }
    expect((await stage.world.call(listBots, {}, admin)).body.data).toEqual([]);
  });

  it('refuses a token of wrong form before anybody is asked', async () => {
    const { admin } = await newAdmin();
    expect(await stage.registerBot(admin, '12:short')).toMatchObject({ status: 400 });
  });

  it('refuses a bot of another tenant without saying whose it is', async () => {
    const [first, second] = [await newAdmin(), await newAdmin()];
    const token = newToken();
    const mine = await stage.registerBot(first.admin, token);
    const answer = await stage.registerBot(second.admin, token);
    expect(answer).toMatchObject({ status: 409, body: { code: 'bot-taken' } });
    expect(JSON.stringify(answer.body)).not.toMatch(
      new RegExp(`${first.tenant.id}|${first.tenant.slug}|${mine.body.id}`),
    );
    // and the first one's webhook still leads to the first
    expect((await stage.telegram.bot(mine.body.username))?.webhookUrl).toContain(mine.body.id);
  });

  it('allows one bot per purpose', async () => {
    const { admin } = await newAdmin();
    expect((await stage.registerBot(admin)).status).toBe(201);
    expect(await stage.registerBot(admin)).toMatchObject({ status: 409, body: { code: 'bot-purpose-taken' } });
    expect((await stage.registerBot(admin, newToken(), 'support')).status).toBe(201);
  });

  it('answers 503 while Telegram is away, and the same request succeeds afterwards', async () => {
    const { admin } = await newAdmin();
    const token = newToken();
    const attempt = () =>
      stage.world.call(createBot, { body: { token, purpose: 'default' } }, admin, { idempotencyKey: 'bot-1' });
    await stage.telegram.fail({ token, method: 'getMe' }, { kind: 'reset' });
    const refused = await attempt();
    expect(refused).toMatchObject({ status: 503, body: { code: 'upstream-unavailable' } });
    expect(refused.headers.get('retry-after')).not.toBeNull();
    const created = await attempt();
    expect(created).toMatchObject({ status: 201, body: { status: 'healthy' } });
    const again = await attempt();
    expect(again.body).toEqual(created.body);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
  });

  it('leaves a bot degraded whose webhook cannot be set, and sets it later', async () => {
    const { admin } = await newAdmin();
    const token = newToken();
    await stage.telegram.fail({ token, method: 'setWebhook' }, { kind: '500' });
    const answer = await stage.registerBot(admin, token);
    expect(answer).toMatchObject({ status: 201, body: { status: 'degraded' } });
    expect((await stage.telegram.bot(answer.body.username))?.webhookUrl).toBeNull();
    stage.world.clock.advance({ seconds: 20 });
    await eventually(async () => {
      expect((await stage.telegram.bot(answer.body.username))?.webhookUrl).toContain(answer.body.id);
      expect((await stage.world.call(listBots, {}, admin)).body.data).toMatchObject([{ status: 'healthy' }]);
    });
  });

  it('is for admins: a member is refused', async () => {
    const { tenant } = await newAdmin();
    const member = stage.world.principal(tenant.id, ['member']);
    expect(await stage.registerBot(member)).toMatchObject({ status: 403, body: { requiredPermission: 'bot:create' } });
    expect((await stage.world.call(createBot, { body: { token: newToken() } }, null)).status).toBe(401);
  });

  it('is audited', async () => {
    const { tenant, admin } = await newAdmin();
    const answer = await stage.registerBot(admin);
    await stage.world.call(deleteBot, { params: { botId: answer.body.id } }, admin);
    const rows = await stage.world.sql<{ action: string; principal: string }>(
      `select action, principal from notifications.audit where resource = $1 order by id`,
      [answer.body.id],
    );
    expect(rows).toEqual([
      { action: 'bot:create', principal: admin.id },
      { action: 'bot:delete', principal: admin.id },
    ]);
    expect(tenant.id).toBe(admin.tenantId);
  });
});

describe('The health of a bot', () => {
  it('is asked of Telegram now', async () => {
    const { admin, botId, username } = await stage.link();
    const health = () => stage.world.call(readBotHealth, { params: { botId: botId as BotId } }, admin);
    await eventually(async () => {
      const { body } = await health();
      expect(body).toMatchObject({ status: 'healthy', pendingUpdates: 0, lastErrorMessage: null });
      expect(body.lastSentAt).not.toBeNull();
    });
    await stage.telegram.revoke(username);
    expect((await health()).body).toMatchObject({ status: 'revoked' });
    const listed = await stage.world.call(listBots, {}, admin);
    expect(listed.body.data).toMatchObject([{ status: 'revoked' }]);
  });

  it('is degraded when the webhook leads elsewhere, which is put right', async () => {
    const { admin, botId, token, username } = await stage.link();
    const health = () => stage.world.call(readBotHealth, { params: { botId: botId as BotId } }, admin);
    const moved = await fetch(`${stage.world.telegramUrl}/bot${token}/deleteWebhook`);
    expect(moved.status).toBe(200);
    expect((await health()).body).toMatchObject({ status: 'degraded' });
    stage.world.clock.advance({ seconds: 20 }); // the due row of its registration may still be waiting; there is one at a time
    await eventually(async () => {
      expect((await stage.telegram.bot(username))?.webhookUrl).toContain(botId);
      expect((await health()).body).toMatchObject({ status: 'healthy' });
    });
  });

  it('is 503 while Telegram is away', async () => {
    const { admin, botId, token } = await stage.link();
    await stage.telegram.fail({ token, method: 'getWebhookInfo' }, { kind: '502-html' });
    const answer = await stage.world.call(readBotHealth, { params: { botId: botId as BotId } }, admin);
    expect(answer).toMatchObject({ status: 503, body: { code: 'upstream-unavailable' } });
  });
});

describe('Removing a bot', () => {
  it('takes away its webhook, its token and its links, and frees it for others', async () => {
    const { admin, user, botId, username, token } = await stage.link();
    const removed = await stage.world.call(deleteBot, { params: { botId: botId as BotId } }, admin);
    expect(removed.status).toBe(204);
    expect((await stage.world.call(listBots, {}, admin)).body.data).toEqual([]);
    expect(await stage.world.call(createTelegramLink, {}, user)).toMatchObject({
      status: 409,
      body: { code: 'no-bot' },
    });
    await eventually(async () => expect((await stage.telegram.bot(username))?.webhookUrl).toBeNull());
    await eventually(async () =>
      expect(await stage.world.sql(`select 1 from notifications.due where kind = 'bot:removal'`)).toEqual([]),
    );
    expect(
      await stage.world.sql(
        `select 1 from notifications.telegram_links where ended_at is null and bot_id =
      (select id from notifications.bots where telegram_id = $1)`,
        [botIdOf(token)],
      ),
    ).toEqual([]);
    const other = await newAdmin();
    expect((await stage.registerBot(other.admin, token)).status).toBe(201);
  });

  it('leaves the webhook of a bot alone that was registered anew before the rest was done', async () => {
    const { admin, botId, token, username } = await stage.link();
    await stage.telegram.fail({ token, method: 'deleteWebhook' }, { kind: '500' });
    await stage.world.call(deleteBot, { params: { botId: botId as BotId } }, admin);
    const again = await stage.registerBot(admin, token);
    expect(again.status).toBe(201);
    stage.world.clock.advance({ minutes: 1 });
    await eventually(async () =>
      expect(await stage.world.sql(`select 1 from notifications.due where kind = 'bot:removal'`)).toEqual([]),
    );
    // Telegram takes one setWebhook a second, so the new one may have had to wait for its due row.
    await eventually(async () => expect((await stage.telegram.bot(username))?.webhookUrl).toContain(again.body.id));
    await stage.telegram.heal();
  });

  it('answers the same for a bot of another tenant and for one that does not exist', async () => {
    const { botId } = await stage.link();
    const { admin } = await newAdmin();
    for (const id of [botId as BotId, newId('bot')]) {
      expect(await stage.world.call(deleteBot, { params: { botId: id } }, admin)).toMatchObject({
        status: 404,
        body: { code: 'not-found' },
      });
      expect((await stage.world.call(readBotHealth, { params: { botId: id } }, admin)).status).toBe(404);
    }
  });
});
