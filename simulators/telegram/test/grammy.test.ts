import { Bot, GrammyError, InputFile } from 'grammy';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startSimulator, token } from './harness.ts';

type Telegram = Awaited<ReturnType<typeof startSimulator>>;
const botAt = (telegram: Telegram, botToken = token()) => new Bot(botToken, { client: { apiRoot: telegram.url } });

describe('grammY, as published, at the simulator', () => {
  it('sends texts, documents and edits', async () => {
    const telegram = await startSimulator({});
    await telegram.meet();
    const { api } = botAt(telegram);
    const message = await api.sendMessage(77, 'Total: <b>Rp 150.000</b>', { parse_mode: 'HTML' });
    expect(message).toMatchObject({
      message_id: 1,
      text: 'Total: Rp 150.000',
      entities: [{ type: 'bold', offset: 7, length: 10 }],
    });
    await api.editMessageText(77, message.message_id, 'Paid');
    const { document } = await api.sendDocument(77, new InputFile(Buffer.from('%PDF-1.7'), 'INV-1.pdf'), {
      caption: 'Invoice',
    });
    expect(document).toMatchObject({ file_name: 'INV-1.pdf', file_size: 8 });
    const shown = (await telegram.control('GET', '/chats/77/messages')).body.data;
    expect(shown?.map(({ text }) => text)).toEqual(['Paid', 'Invoice']);
  });

  it('gets a GrammyError for a blocked bot and for a flood', async () => {
    const telegram = await startSimulator({});
    await telegram.meet();
    const { api } = botAt(telegram);
    const refusal = () => api.sendMessage(77, 'x').catch((error: unknown) => error);
    await telegram.control('POST', '/faults', {
      match: { method: 'sendMessage' },
      fault: { kind: '429', retry_after: 7 },
    });
    const flood = await refusal();
    expect(flood).toBeInstanceOf(GrammyError);
    expect(flood).toMatchObject({ error_code: 429, parameters: { retry_after: 7 } });
    await telegram.control('POST', '/chats/77/state', { state: 'blocked' });
    const blocked = await refusal();
    expect(blocked).toBeInstanceOf(GrammyError);
    expect(blocked).toMatchObject({ error_code: 403, description: 'Forbidden: bot was blocked by the user' });
  });

  it('polls: a person follows a link, the bot greets, and the link is done when the offset is confirmed', async () => {
    const telegram = await startSimulator({ settings: { floodControl: false } });
    const bot = botAt(telegram);
    bot.command('start', (context) => context.reply(`Welcome, ${context.match}`));
    const started = new Promise<string>((resolve) => {
      void bot.start({ onStart: ({ username }) => resolve(username) });
    });
    onTestFinished(() => bot.stop());
    const username = await started;
    const opened = await telegram.control('POST', '/open-link', {
      url: `https://t.me/${username}?start=code-1`,
      chat: { id: 77, username: 'budi' },
    });
    expect(opened).toMatchObject({
      status: 200,
      body: { handledBy: 'polling', messages: [{ text: 'Welcome, code-1', bot: username }] },
    });
  });
});
