import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import { createTelegramSimulator, type TelegramSimulatorOptions } from '../app.ts';

export const NOON_MS = Date.UTC(2026, 10, 21, 5, 0, 0);
const SECRET = 'AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0';
export const token = (botId = 4001): string => `${botId}:${SECRET}`;

export type Answer = { readonly status: number; readonly headers: Headers; readonly body: Json };
/** Tests read answers by name and compare what they find; this is the shape that allows it without assertions of type. */
export type Json = { readonly [name: string]: Json } & readonly Json[];

/** A simulator on a port of its own; time stands still unless a test advances it. */
export async function startSimulator(options: TelegramSimulatorOptions = { frozenAtMs: NOON_MS }) {
  const { app, simulator } = await createTelegramSimulator(options);
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  onTestFinished(() => app.close());

  async function send(path: string, init: RequestInit = {}): Promise<Answer> {
    const answer = await fetch(`${url}${path}`, init);
    const body = await answer.text();
    return { status: answer.status, headers: answer.headers, body: body === '' ? {} : JSON.parse(body) };
  }
  const json = (method: string, body: unknown): RequestInit => ({
    method,
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  return {
    url,
    app,
    simulator,
    send,
    /** One Bot API call as JSON. */
    call: (method: string, parameters: unknown = {}, botToken = token()) =>
      send(`/bot${botToken}/${method}`, json('POST', parameters)),
    control: (method: string, path: string, body?: unknown) => send(`/simulator${path}`, json(method, body)),
    /** A person starts the bot without the bot being there to handle it. */
    async meet(chatId = 77, botToken = token()): Promise<void> {
      await send(`/bot${botToken}/getMe`);
      await send(
        `/simulator/chats/${chatId}/state`,
        json('POST', { state: 'active', bot: Number(botToken.split(':')[0]) }),
      );
    },
    advance: (seconds: number) => send('/simulator/clock/advance', json('POST', { seconds })),
  };
}

export type Received = { readonly headers: IncomingMessage['headers']; readonly update: Json; readonly url: string };

/** An endpoint of a bot: keeps what it receives, answers as the test says. */
export async function startWebhookReceiver(answer: (update: Json, response: ServerResponse) => unknown) {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const update: Json = JSON.parse(await text(request));
    received.push({ headers: request.headers, update, url: request.url ?? '' });
    await answer(update, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/hook`, received };
}

export const answerWith =
  (status: number, headers: Record<string, string> = {}, body = '') =>
  (_: Json, response: ServerResponse) =>
    response.writeHead(status, headers).end(body);
