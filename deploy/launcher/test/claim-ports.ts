import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { isPortFree } from '../../embedded/free-port.ts';
import { PORTS, portsWithOffset } from '../ports.ts';

export type PortClaim = { readonly offset: number; readonly release: () => Promise<void> };

const FIRST_PORT = Math.min(...Object.values(PORTS));
const LAST_PORT = Math.max(...Object.values(PORTS));
/** Two ranges of this width share no port; the first one is left to `npm start`. */
const WIDTH = LAST_PORT - FIRST_PORT + 2;
/** Above it any outgoing connection may take a port (Linux: ip_local_port_range). */
const HIGHEST_PORT = 32_767;
const RANGES = Math.floor((HIGHEST_PORT - LAST_PORT) / WIDTH);
const PATIENCE_MS = 120_000;

/**
 * An offset for a launcher of a test's own, whose ports are all free and stay ours: whoever holds the port below a range
 * holds the range, so several test runs may go on beside each other, and a claim ends with its process at the latest.
 */
export async function claimPorts(): Promise<PortClaim> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const first = Math.floor(Math.random() * RANGES);
    for (let i = 0; i < RANGES; i++) {
      const claim = await claimRange((((first + i) % RANGES) + 1) * WIDTH);
      if (claim !== undefined) return claim;
    }
    if (Date.now() > deadline) throw new Error(`All ${RANGES} ranges of ports have been in use for ${PATIENCE_MS} ms.`);
    await pause(100);
  }
}

/** `undefined` where somebody holds the range, or listens in it. */
export async function claimRange(offset: number): Promise<PortClaim | undefined> {
  const holder = await listen(FIRST_PORT - 1 + offset);
  if (holder === undefined) return undefined;
  const release = async (): Promise<void> => {
    const closed = once(holder, 'close');
    holder.close();
    await closed;
  };
  const areFree = await Promise.all(Object.values(portsWithOffset(offset)).map(isPortFree));
  if (areFree.every(Boolean)) return { offset, release };
  await release();
  return undefined;
}

async function listen(port: number): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy());
  server.unref();
  try {
    await once(server.listen({ port, host: '127.0.0.1', exclusive: true }), 'listening');
    return server;
  } catch {
    return undefined;
  }
}
