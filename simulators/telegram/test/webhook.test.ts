import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { answerWith, type Json, startSimulator, startWebhookReceiver, token } from './harness.ts';

type Telegram = Awaited<ReturnType<typeof startSimulator>>;
const write = (telegram: Telegram, text: string, chatId = 77) =>
  telegram.control('POST', `/chats/${chatId}/messages`, { text, wait: false, bot: 4001 });
const info = async (telegram: Telegram) => (await telegram.call('getWebhookInfo')).body.result;
const ends = (response: ServerResponse, status: number, headers: Record<string, string> = {}) =>
  response.writeHead(status, headers).end();

describe('setWebhook', () => {
  it('is answered as set, already set, deleted, already deleted', async () => {
    const telegram = await startSimulator();
    const { url } = await startWebhookReceiver(answerWith(200));
    const set = async () => (await telegram.call('setWebhook', { url, secret_token: 'abc', max_connections: 7 })).body;
    expect(await set()).toEqual({ ok: true, result: true, description: 'Webhook was set' });
    expect((await set()).description).toBe('Webhook is already set');
    expect(await info(telegram)).toEqual({
      url,
      has_custom_certificate: false,
      pending_update_count: 0,
      max_connections: 7,
      ip_address: '127.0.0.1',
    });
    expect((await telegram.call('deleteWebhook')).body.description).toBe('Webhook was deleted');
    expect((await telegram.call('deleteWebhook')).body.description).toBe('Webhook is already deleted');
    expect(await info(telegram)).toEqual({ url: '', has_custom_certificate: false, pending_update_count: 0 });
    expect((await set()).parameters?.retry_after).toBe(1);
    await telegram.advance(1);
    expect((await set()).ok).toBe(true);
  });

  it.each([
    [{ url: 'ftp://127.0.0.1' }, 'invalid webhook URL specified'],
    [{ url: 'http://127.0.0.1/', secret_token: 'x'.repeat(257) }, 'secret token is too long'],
    [{ url: 'http://127.0.0.1/', secret_token: 'ü' }, 'secret token contains unallowed characters'],
  ])('refuses %j', async (parameters, reason) => {
    const telegram = await startSimulator();
    expect((await telegram.call('setWebhook', parameters)).body.description).toBe(`Bad Request: ${reason}`);
  });

  it.each([
    ['http://8.8.8.8/', 'An HTTPS URL must be provided for webhook'],
    ['https://8.8.8.8:8000/', 'Webhook can be set up only on ports 80, 88, 443 or 8443'],
    ['https://127.0.0.1/', 'IP address 127.0.0.1 is reserved'],
    ['https://[2001:db8::1]/', 'IPv6-only addresses are not allowed'],
  ])('refuses %s by the rules of the cloud', async (url, reason) => {
    const telegram = await startSimulator({ settings: { webhookRules: 'cloud' } });
    expect((await telegram.call('setWebhook', { url })).body.description).toBe(`Bad Request: bad webhook: ${reason}`);
    await telegram.advance(1);
    expect((await telegram.call('setWebhook', { url: 'https://8.8.8.8:8443/hook' })).body.ok).toBe(true);
  });
});

describe('Delivery', () => {
  it('posts one update as JSON with the secret and the credentials of the URL, also what waited before', async () => {
    const telegram = await startSimulator();
    const { url, received } = await startWebhookReceiver(answerWith(200));
    await telegram.meet();
    await write(telegram, 'before');
    await telegram.call('setWebhook', { url: url.replace('//', '//bot:pass@'), secret_token: 'S-e_1' });
    await write(telegram, 'after');
    await expect.poll(async () => (await info(telegram))?.pending_update_count).toBe(0);
    expect(received.map(({ update }) => update.message?.text)).toEqual(['before', 'after']);
    expect(received[0]?.headers).toMatchObject({
      'content-type': 'application/json',
      'x-telegram-bot-api-secret-token': 'S-e_1',
      authorization: `Basic ${Buffer.from('bot:pass').toString('base64')}`,
    });
  });

  it('retries at once, then after 2, 4, 8 seconds, at most 60 to 120, and gives up after a day', async () => {
    const telegram = await startSimulator({ frozenAtMs: Date.UTC(2026, 10, 21), random: () => 0.5 });
    const attempts: number[] = [];
    const { url } = await startWebhookReceiver((_update, response) => {
      attempts.push((telegram.simulator.clock.nowMs() - Date.UTC(2026, 10, 21)) / 1000);
      ends(response, 500);
    });
    await telegram.meet();
    await telegram.call('setWebhook', { url });
    await write(telegram, 'hello');
    await expect.poll(() => attempts.length).toBe(2);
    await expect
      .poll(async () => (await info(telegram))?.last_error_message)
      .toBe('Wrong response from the webhook: 500 Internal Server Error');
    await telegram.simulator.clock.settled();
    await telegram.advance(300);
    expect(attempts).toEqual([0, 0, 2, 6, 14, 30, 62, 126, 216]);
    await telegram.advance(86_400);
    const total = attempts.length;
    expect((await info(telegram))?.pending_update_count).toBe(0);
    await telegram.advance(3600);
    expect(attempts.length).toBe(total);
  });

  it('waits as long as Retry-After asks', async () => {
    const telegram = await startSimulator();
    const { url, received } = await startWebhookReceiver((_update, response) => {
      ends(response, received.length === 1 ? 503 : 200, { 'retry-after': '100' });
    });
    await telegram.meet();
    await telegram.call('setWebhook', { url });
    await write(telegram, 'hello');
    await expect.poll(async () => (await info(telegram))?.last_error_date).toBeDefined();
    await telegram.advance(99);
    expect(received).toHaveLength(1);
    await telegram.advance(1);
    expect(received).toHaveLength(2);
    expect((await info(telegram))?.pending_update_count).toBe(0);
  });

  it('keeps the order within a chat and lets other chats pass', async () => {
    const telegram = await startSimulator();
    let isBroken = true;
    const { url, received } = await startWebhookReceiver((update, response) => {
      ends(response, isBroken && update.message?.chat?.id === (77 as unknown) ? 500 : 200);
    });
    await telegram.meet(77);
    await telegram.meet(78);
    await telegram.call('setWebhook', { url });
    for (const text of ['a1', 'a2']) await write(telegram, text, 77);
    for (const text of ['b1', 'b2']) await write(telegram, text, 78);
    await expect.poll(async () => (await info(telegram))?.pending_update_count).toBe(2);
    const arrived = () => received.map(({ update }) => update.message?.text);
    expect(arrived()).not.toContain('a2');
    expect(arrived().filter((text) => String(text).startsWith('b'))).toEqual(['b1', 'b2']);
    isBroken = false;
    await telegram.simulator.clock.settled();
    await telegram.advance(2);
    expect(arrived().slice(-2)).toEqual(['a1', 'a2']);
  });

  it('never has more requests open than max_connections', async () => {
    const telegram = await startSimulator();
    const open: ServerResponse[] = [];
    const { url } = await startWebhookReceiver((_update, response) => void open.push(response));
    await telegram.call('setWebhook', { url, max_connections: 2 });
    for (const chatId of [71, 72, 73]) {
      await telegram.meet(chatId);
      await write(telegram, 'hello', chatId);
    }
    await expect.poll(() => open.length).toBe(2);
    for (const response of open.splice(0)) ends(response, 200);
    await expect.poll(() => open.length).toBe(1);
    for (const response of open.splice(0)) ends(response, 200);
    await expect.poll(async () => (await info(telegram))?.pending_update_count).toBe(0);
  });

  it('gives up an answer after a minute', async () => {
    const telegram = await startSimulator();
    const { url, received } = await startWebhookReceiver((_update, response) => {
      if (received.length > 1) ends(response, 200);
    });
    await telegram.meet();
    await telegram.call('setWebhook', { url });
    await write(telegram, 'hello');
    await expect.poll(() => received.length).toBe(1);
    await telegram.advance(60);
    await expect.poll(() => received.length).toBe(2);
    expect((await info(telegram))?.last_error_message).toBe('Read timeout expired');
  });

  it('removes a webhook that has answered 410 for 23 hours', async () => {
    // An attempt every 60 to 120 seconds: the one that finds 23 hours over comes within two minutes of them.
    const telegram = await startSimulator();
    const { url } = await startWebhookReceiver(answerWith(410));
    await telegram.meet();
    await telegram.call('setWebhook', { url });
    await write(telegram, 'hello');
    await expect
      .poll(async () => (await info(telegram))?.last_error_message)
      .toBe('Wrong response from the webhook: 410 Gone');
    await telegram.simulator.clock.settled();
    await telegram.advance(22 * 3600);
    expect((await info(telegram))?.url).toBe(url);
    await telegram.advance(3600 + 120);
    expect((await info(telegram))?.url).toBe('');
  });

  it('says why it could not connect', async () => {
    const telegram = await startSimulator();
    await telegram.meet();
    await telegram.call('setWebhook', { url: 'http://127.0.0.1:1/' });
    await write(telegram, 'hello');
    await expect.poll(async () => (await info(telegram))?.last_error_message).toBe('Connection refused');
    await telegram.call('setWebhook', { url: '' });
    expect((await telegram.call('getUpdates')).body.result).toHaveLength(1);
  });

  it('drops what waits when it is told to', async () => {
    const telegram = await startSimulator();
    await telegram.meet();
    await write(telegram, 'hello');
    await telegram.call('deleteWebhook', { drop_pending_updates: true });
    expect((await telegram.call('getUpdates')).body.result).toEqual([]);
  });

  it('runs the call in the answer', async () => {
    const telegram = await startSimulator();
    const reply = (update: Json) =>
      JSON.stringify({ method: 'sendMessage', chat_id: update.message?.chat?.id, text: 'Welcome' });
    const { url } = await startWebhookReceiver((update, response) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end(reply(update)),
    );
    await telegram.call('setWebhook', { url });
    const username = (await telegram.call('getMe')).body.result?.username;
    const opened = await telegram.control('POST', '/open-link', {
      url: `https://t.me/${username}?start=abc`,
      chat: { id: 77 },
    });
    expect(opened.body.messages?.map((message) => message.text)).toEqual(['Welcome']);
  });
});

describe('Following a link', () => {
  const open = (telegram: Telegram, url: string, chat: unknown = { id: 77, username: 'budi' }, timeoutSeconds = 20) =>
    telegram.control('POST', '/open-link', { url, chat, timeoutSeconds });
  const linkOf = async (telegram: Telegram, query = 'start=pay_Load-1') =>
    `https://t.me/${(await telegram.call('getMe')).body.result?.username}?${query}`;

  it('brings /start and the payload to the webhook and answers when it has been handled', async () => {
    const telegram = await startSimulator();
    const { url, received } = await startWebhookReceiver(async (update, response) => {
      await telegram.call('sendMessage', { chat_id: update.message?.chat?.id, text: 'Linked' });
      ends(response, 204);
    });
    await telegram.call('setWebhook', { url });
    const answer = await open(telegram, await linkOf(telegram));
    expect(answer).toMatchObject({
      status: 200,
      body: { chatId: 77, handledBy: 'webhook', messages: [{ text: 'Linked' }] },
    });
    expect(received[0]?.update.message).toMatchObject({
      text: '/start pay_Load-1',
      from: { id: 77, is_bot: false, username: 'budi' },
      chat: { id: 77, type: 'private' },
      entities: [{ type: 'bot_command', offset: 0, length: 6 }],
    });
    const shown = (await telegram.control('GET', '/chats/77/messages')).body.data;
    expect(shown).toMatchObject([{ text: 'Linked', sender: 'bot', bot: answer.body.bot, messageId: 2 }]);
    const all = (await telegram.control('GET', '/chats/77/messages?all=true&limit=1')).body.data;
    expect(all?.map((message) => message.text)).toEqual(['Linked']);
  });

  it('also unblocks a bot, and opens tg:// links and links for groups', async () => {
    const telegram = await startSimulator();
    const { url, received } = await startWebhookReceiver(answerWith(200));
    await telegram.meet();
    await telegram.control('POST', '/chats/77/state', { state: 'blocked' });
    await telegram.call('setWebhook', { url, drop_pending_updates: true });
    const username = (await telegram.call('getMe')).body.result?.username;
    expect((await open(telegram, `tg://resolve?domain=${username}`)).status).toBe(200);
    expect((await telegram.call('sendMessage', { chat_id: 77, text: 'x' })).status).toBe(200);
    expect((await open(telegram, await linkOf(telegram, 'startgroup=abc'), { id: -500 })).status).toBe(200);
    expect(received.map(({ update }) => update.message?.text ?? 'my_chat_member')).toEqual([
      'my_chat_member',
      '/start',
      'my_chat_member',
      `/start@${username} abc`,
    ]);
  });

  it('answers 504 and says why when the bot does not handle it', async () => {
    const telegram = await startSimulator({});
    const link = await linkOf(telegram);
    const silent = await open(telegram, link, { id: 77 }, 0.05);
    expect(silent).toMatchObject({ status: 504, body: { code: 'update-not-handled' } });
    expect(silent.body.detail).toContain('It has no webhook');
    await telegram.call('setWebhook', { url: 'http://127.0.0.1:1/' });
    await expect.poll(async () => (await info(telegram))?.last_error_message).toBe('Connection refused');
    expect((await open(telegram, link, { id: 77 }, 0.05)).body.detail).toContain('Connection refused');
  });

  it.each([
    ['https://example.com/acme_bot?start=a', 400, 'validation-failed'],
    ['https://t.me/', 400, 'validation-failed'],
    ['nonsense', 400, 'validation-failed'],
    [`https://t.me/x?start=${'a'.repeat(65)}`, 400, 'validation-failed'],
    ['https://t.me/nobody_bot?start=a', 404, 'bot-not-found'],
  ])('refuses %s', async (url, status, code) => {
    const telegram = await startSimulator();
    const answer = await open(telegram, url);
    expect(answer).toMatchObject({ status, body: { status, code } });
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
  });

  it('stops delivering when the token is revoked', async () => {
    const telegram = await startSimulator();
    const { url } = await startWebhookReceiver(answerWith(200));
    await telegram.call('setWebhook', { url });
    const revoked = await telegram.control('POST', '/bots/4001/revoke', { token: token() });
    expect(revoked.body).toMatchObject({ status: 'revoked', webhookUrl: null });
  });
});
