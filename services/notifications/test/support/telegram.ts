import { randomInt } from 'node:crypto';
import type { World } from '../../../../tests/support/world.ts';

export type SeenMessage = { readonly text: string; readonly bot: string; readonly entities: { type: string }[] };
export type Fault = { readonly kind: string } & Readonly<Record<string, unknown>>;

/** A well-formed token of a bot that nobody had before. */
export const newToken = (): string => `${randomInt(1e8, 2 ** 47)}:AAExampleExampleExampleExampleExampl`;

export const newChatId = (): number => randomInt(1e8, 2 ** 47);

/** The simulator's control API: what people and misfortune do at Telegram. */
export function controlTelegram(world: World) {
  const request = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(`${world.telegramUrl}${path}`, {
      method,
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  };
  return {
    openLink: (url: string, chatId: number, languageCode = 'id') =>
      request('POST', '/simulator/open-link', { url, chat: { id: chatId, username: `person${chatId}`, languageCode } }),
    write: (chatId: number, text: string) => request('POST', `/simulator/chats/${chatId}/messages`, { text }),
    messages: async (chatId: number): Promise<SeenMessage[]> =>
      (await request('GET', `/simulator/chats/${chatId}/messages`)).data,
    setChat: (chatId: number, state: string) => request('POST', `/simulator/chats/${chatId}/state`, { state }),
    revoke: (username: string) => request('POST', `/simulator/bots/${username}/revoke`, {}),
    bot: async (username: string): Promise<{ webhookUrl: string | null } | undefined> =>
      (await request('GET', '/simulator/bots')).data.find((bot: { username: string }) => bot.username === username),
    fail: (match: Readonly<Record<string, unknown>>, fault: Fault, times: number | null = 1) =>
      request('POST', '/simulator/faults', { match, times, fault }),
    heal: () => request('DELETE', '/simulator/faults'),
    limits: (settings: Readonly<Record<string, unknown>>) => request('POST', '/simulator/limits', settings),
  };
}
