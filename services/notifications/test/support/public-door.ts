import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Where Telegram finds us in these tests: passes webhooks on, as the gateway does, to wherever the service is by now. */
export async function openPublicDoor() {
  let target = (): string => {
    throw new Error('The door leads nowhere yet.');
  };
  let passed = 0;
  const server = createServer(async (request, response) => {
    try {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const secret = request.headers['x-telegram-bot-api-secret-token'];
      const answer = await fetch(`${target()}${request.url}`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(typeof secret === 'string' ? { 'x-telegram-bot-api-secret-token': secret } : {}),
        },
        body: Buffer.concat(chunks),
      });
      passed += 1;
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text());
    } catch {
      response.writeHead(502).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    leadTo: (find: () => string): void => {
      target = find;
    },
    get passed() {
      return passed;
    },
    close: (): Promise<void> =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
