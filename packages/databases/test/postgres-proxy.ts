import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

type Verdict = 'pass' | 'cut-before-answer' | 'swallow';

/** A way to PostgreSQL that can be cut or go silent at a moment of the test's choice. */
export async function openPostgresProxy(serviceUrl: string) {
  const target = new URL(serviceUrl);
  const sockets = new Set<Socket>();
  let judge: (bytes: string) => Verdict = () => 'pass';

  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    let cutsNext = false;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
    }
    client.on('data', (bytes) => {
      const verdict = judge(bytes.toString('latin1'));
      cutsNext ||= verdict === 'cut-before-answer';
      if (verdict !== 'swallow') upstream.write(bytes);
    });
    upstream.on('data', (bytes) => {
      if (cutsNext) client.destroy();
      else client.write(bytes);
    });
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const url = new URL(serviceUrl);
  if (address !== null && typeof address === 'object') url.port = String(address.port);
  return {
    url: url.href,
    judgeBy(verdict: typeof judge): void {
      judge = verdict;
    },
    async close(): Promise<void> {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
