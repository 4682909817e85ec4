import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Stands before the provider and says, in every answer, that it is another time there. */
export async function startDatedProxy() {
  const proxy = { targetUrl: '', aheadMs: 0 };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { authorization = '' } = request.headers;
      fetch(`${proxy.targetUrl}${request.url}`, {
        method: request.method ?? 'GET',
        headers: { authorization, 'content-type': 'application/json' },
        ...(request.method === 'POST' ? { body: Buffer.concat(chunks) } : {}),
      }).then(
        async (answer) => {
          response.setHeader('date', new Date(Date.now() + proxy.aheadMs).toUTCString());
          response.writeHead(answer.status).end(await answer.text());
        },
        () => response.writeHead(503).end(),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    passTo(url: string): void {
      proxy.targetUrl = url;
    },
    setAhead(milliseconds: number): void {
      proxy.aheadMs = milliseconds;
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
