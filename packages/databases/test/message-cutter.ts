import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** `request`: of what we send; `answer`: of what the server says. */
export type Cut = { readonly side: 'request' | 'answer'; readonly afterMessages: number };

/**
 * A way to PostgreSQL that breaks once, between two messages of the protocol. Messages are a type byte and a length that
 * counts itself (PostgreSQL manual, "Message Formats"); what a flight holds arrives as one chunk, and is counted in it.
 * An answer that has fewer messages than are let through arrives whole, and nothing breaks.
 */
export async function openMessageCutter(serviceUrl: string) {
  const target = new URL(serviceUrl);
  const sockets = new Set<Socket>();
  let armed: { cut: Cut; isOurs: (request: string) => boolean } | null = null;
  let cuts = 0;

  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    let answersLeft: number | null = null;
    const hangUp = (): void => {
      cuts++;
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
    }
    client.on('data', (bytes: Buffer) => {
      if (armed === null || !armed.isOurs(bytes.toString('latin1'))) {
        upstream.write(bytes);
        return;
      }
      const { side, afterMessages } = armed.cut;
      armed = null;
      if (side === 'answer') {
        answersLeft = afterMessages;
        upstream.write(bytes);
        return;
      }
      // What was cut off is lost; what went before it has arrived.
      upstream.write(firstMessages(bytes, afterMessages).bytes, hangUp);
    });
    upstream.on('data', (bytes: Buffer) => {
      const first = firstMessages(bytes, answersLeft ?? 0);
      if (answersLeft === null || first.isWholeAnswer) {
        answersLeft = null;
        client.write(bytes);
        return;
      }
      answersLeft -= first.count;
      if (answersLeft === 0) client.write(first.bytes, hangUp);
      else client.write(first.bytes);
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
    /** Breaks the connection that next sends something of which `isOurs` is true. */
    arm(cut: Cut, isOurs: (request: string) => boolean): void {
      armed = { cut, isOurs };
    },
    cuts: () => cuts,
    async close(): Promise<void> {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

const READY_FOR_QUERY = 'Z'.charCodeAt(0);

function firstMessages(bytes: Buffer, count: number): { bytes: Buffer; count: number; isWholeAnswer: boolean } {
  let end = 0;
  let found = 0;
  let isWholeAnswer = false;
  while (found < count && end + 5 <= bytes.length) {
    isWholeAnswer = bytes[end] === READY_FOR_QUERY;
    end += 1 + bytes.readInt32BE(end + 1);
    found++;
  }
  return { bytes: bytes.subarray(0, end), count: found, isWholeAnswer };
}
