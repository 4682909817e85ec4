import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Notification = Readonly<Record<string, string>>;
type Kept = { readonly path: string; readonly body: Notification };

/**
 * Stands where the gateway would: the provider posts here. It keeps every notification and passes it on, unless a test
 * wants to deliver them itself, in its own order.
 */
export async function startWebhookRelay() {
  const kept: Kept[] = [];
  const relay = { targetUrl: '', isHolding: false };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8');
      const path = request.url ?? '/';
      kept.push({ path, body: JSON.parse(text) as Notification });
      if (relay.isHolding) {
        response.writeHead(200).end();
        return;
      }
      fetch(`${relay.targetUrl}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: text,
      }).then(
        async (answer) => response.writeHead(answer.status).end(await answer.text()),
        () => response.writeHead(503).end(),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    passTo(url: string): void {
      relay.targetUrl = url;
    },
    /** From here on the provider is told that all is well, and nothing arrives. */
    hold(isHolding: boolean): void {
      relay.isHolding = isHolding;
    },
    notificationsOf: (orderId: string): readonly Notification[] =>
      kept.filter(({ body }) => body['order_id'] === orderId).map(({ body }) => body),
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
