import { describe, expect, it } from 'vitest';
import { answerWith, type Json, startSimulator, startWebhookReceiver } from './harness.ts';

type Telegram = Awaited<ReturnType<typeof startSimulator>>;
const write = (telegram: Telegram, text: string, chatId = 77) =>
  telegram.control('POST', `/chats/${chatId}/messages`, { text, wait: false, bot: 4001 });
async function poll(telegram: Telegram, parameters: unknown): Promise<readonly Json[]> {
  return (await telegram.call('getUpdates', parameters)).body.result ?? [];
}
const texts = (updates: readonly Json[]) => updates.map((update) => update.message?.text);
/** Short polling is punished only where flood control is on. */
const startWithout = () => startSimulator({ frozenAtMs: Date.UTC(2026, 10, 21), settings: { floodControl: false } });

describe('getUpdates', () => {
  it('gives updates again until an offset confirms them', async () => {
    const telegram = await startWithout();
    await telegram.meet();
    for (const text of ['one', 'two', 'three']) await write(telegram, text);
    const updates = await poll(telegram, {});
    expect(texts(updates)).toEqual(['one', 'two', 'three']);
    const first = Number(updates[0]?.update_id);
    expect(updates.map((update) => update.update_id)).toEqual([first, first + 1, first + 2]);
    expect(texts(await poll(telegram, { limit: 1 }))).toEqual(['one']);
    expect(texts(await poll(telegram, { offset: first + 1 }))).toEqual(['two', 'three']);
    expect(texts(await poll(telegram, { offset: -1 }))).toEqual(['three']);
    expect(texts(await poll(telegram, {}))).toEqual(['three']);
  });

  it('waits for the next update, at most as long as it was told', async () => {
    const telegram = await startWithout();
    await telegram.meet();
    const answered = poll(telegram, { timeout: 30 });
    await expect.poll(() => write(telegram, 'hello').then(({ status }) => status)).toBe(202);
    expect(texts(await answered).length).toBeGreaterThan(0);

    const empty = poll(telegram, { offset: 999_999_999, timeout: 30 });
    await telegram.send('/simulator/clock');
    await expect
      .poll(async () => {
        await telegram.advance(30);
        return Promise.race([empty, Promise.resolve('waiting')]);
      })
      .toEqual([]);
  });

  it('ends the older of two pollers with a conflict', async () => {
    const telegram = await startWithout();
    await telegram.meet();
    const polls = ['first', 'second'].map(() => telegram.call('getUpdates', { timeout: 50 }));
    const ended = await Promise.race(polls);
    expect(ended).toMatchObject({
      status: 409,
      body: {
        description:
          'Conflict: terminated by other getUpdates request; make sure that only one bot instance is running',
      },
    });
    await write(telegram, 'hello');
    const answers = await Promise.all(polls);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
  });

  it('refuses while a webhook is active, and setWebhook ends a poll', async () => {
    const telegram = await startWithout();
    await telegram.meet();
    const { url } = await startWebhookReceiver(answerWith(200));
    const waiting = telegram.call('getUpdates', { timeout: 50 });
    const isWaiting = () => telegram.call('setWebhook', { url }).then(() => Promise.race([waiting, undefined]));
    await expect
      .poll(async () => {
        await telegram.call('deleteWebhook');
        return (await isWaiting())?.status;
      })
      .toBe(409);
    expect((await waiting).body.description).toMatch(
      /^Conflict: (terminated by setWebhook request|can't use getUpdates)/,
    );
    await telegram.advance(3);
    expect((await telegram.call('getUpdates')).body.description).toBe(
      "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
    );
  });

  it('keeps only the kinds of update the bot asked for', async () => {
    const telegram = await startWithout();
    await telegram.meet();
    await poll(telegram, { allowed_updates: ['my_chat_member'] });
    await write(telegram, 'unseen');
    await telegram.control('POST', '/chats/77/state', { state: 'blocked' });
    expect((await poll(telegram, {})).map((update) => Object.keys(update).at(-1))).toEqual(['my_chat_member']);
    await poll(telegram, { allowed_updates: [] });
    await write(telegram, 'seen');
    expect(texts(await poll(telegram, { offset: -1 }))).toEqual(['seen']);
  });

  it('forgets updates after 24 hours', async () => {
    const telegram = await startWithout();
    await telegram.meet();
    await write(telegram, 'old');
    await telegram.advance(23 * 3600);
    await write(telegram, 'young');
    await telegram.advance(3600);
    expect(texts(await poll(telegram, {}))).toEqual(['young']);
  });

  it('makes a bot wait that asks for the same again and again', async () => {
    const telegram = await startSimulator();
    await telegram.meet();
    await poll(telegram, { offset: 5 });
    const hurried = poll(telegram, { offset: 5 });
    await expect.poll(() => write(telegram, 'hello').then(({ status }) => status)).toBe(202);
    expect(texts(await hurried)).toEqual(['hello']);
  });
});

describe('What a person does', () => {
  it('writes, and bots in groups see only commands and their own name', async () => {
    const telegram = await startWithout();
    await telegram.meet(-500);
    const username = (await telegram.call('getMe')).body.result?.username;
    for (const text of ['hello all', '/pay', '/pay@other_bot', `/pay@${username}`, `hi @${username}`]) {
      await write(telegram, text, -500);
    }
    const seen = (await poll(telegram, {})).filter((update) => update.message !== undefined);
    expect(seen.map((update) => update.message?.text)).toEqual(['/pay', `/pay@${username}`, `hi @${username}`]);
  });

  it('taps a button, and sees what the bot answers', async () => {
    const telegram = await startWithout();
    await telegram.meet();
    const markup = { inline_keyboard: [[{ text: 'Mute', callback_data: 'mute:1' }]] };
    await telegram.call('sendMessage', { chat_id: 77, text: 'Receipt', reply_markup: markup });
    const tap = telegram.control('POST', '/chats/77/tap', { messageId: 1, button: 'Mute' });
    const [update] = await poll(telegram, { timeout: 50 });
    expect(update?.callback_query).toMatchObject({ data: 'mute:1', from: { id: 77 }, message: { message_id: 1 } });
    const id = update?.callback_query?.id;
    expect((await telegram.call('answerCallbackQuery', { callback_query_id: id, text: 'Muted' })).body.result).toBe(
      true,
    );
    await poll(telegram, { offset: Number(update?.update_id) + 1 });
    expect((await tap).body).toMatchObject({ handledBy: 'polling', answer: { text: 'Muted', showAlert: false } });
    await telegram.advance(601);
    expect((await telegram.call('answerCallbackQuery', { callback_query_id: id })).body.description).toBe(
      'Bad Request: query is too old and response timeout expired or query ID is invalid',
    );
    expect((await telegram.control('POST', '/chats/77/tap', { messageId: 1, button: 'Pay' })).body.code).toBe(
      'button-not-found',
    );
  });
});
