import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';

/** A line to NATS that can be cut, and that can swallow everything without being cut. */
export async function openNatsProxy(natsUrl: string) {
  const target = new URL(natsUrl);
  const pairs = new Set<readonly [Socket, Socket]>();
  let isCut = false;
  let isSwallowing = false;
  const server = createServer((client) => {
    if (isCut) {
      client.destroy();
      return;
    }
    const upstream = connect(Number(target.port), target.hostname);
    const pair = [client, upstream] as const;
    pairs.add(pair);
    for (const [from, to] of [pair, [upstream, client] as const]) {
      from.on('data', (chunk) => {
        if (!isSwallowing) to.write(chunk);
      });
      from.on('error', () => undefined);
      from.on('close', () => {
        to.destroy();
        pairs.delete(pair);
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = (): void => {
    isCut = true;
    for (const [client, upstream] of pairs) {
      client.destroy();
      upstream.destroy();
    }
  };
  return {
    url: `nats://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    /** Both ends believe that the line stands. */
    swallow: () => {
      isSwallowing = true;
    },
    heal: () => {
      // What was swallowed is lost in the middle of a sentence: such a line cannot be used again.
      if (isSwallowing) cut();
      isSwallowing = false;
      isCut = false;
    },
    close: () =>
      new Promise<void>((resolve) => {
        cut();
        server.close(() => resolve());
      }),
  };
}
