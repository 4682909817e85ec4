import { connect, createServer, type Socket } from 'node:net';

/** A way to a server that can be shut: connections break, and new ones are refused service, until it is opened again. */
export async function openGate(targetUrl: string) {
  const target = new URL(targetUrl);
  const open = new Set<Socket>();
  let isShut = false;
  const server = createServer((near) => {
    if (isShut) {
      near.destroy();
      return;
    }
    const far = connect(Number(target.port), target.hostname);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        open.delete(one);
        other.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const breakAll = (): void => {
    for (const socket of open) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${address.port}`,
    shut(): void {
      isShut = true;
      breakAll();
    },
    open(): void {
      isShut = false;
    },
    async close(): Promise<void> {
      breakAll();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
