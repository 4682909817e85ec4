import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { gatherWrites } from './gather-writes.ts';

const open: { close(): void }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

/** Both ends of a connection; what is written at `near` is gathered. */
async function openPair(): Promise<{ near: Socket; far: Socket }> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const arrived = once(server, 'connection') as Promise<[Socket]>;
  const far = connect((server.address() as AddressInfo).port, '127.0.0.1');
  // Whichever end hears of it first.
  const [[near]] = await Promise.all([arrived, once(far, 'connect')]);
  open.push({ close: () => [near, far].forEach((socket) => void socket.destroy()) }, { close: () => server.close() });
  for (const socket of [near, far]) socket.on('error', () => undefined);
  gatherWrites(near);
  return { near, far };
}

const allOf = async (socket: Socket): Promise<string> => {
  const pieces: Buffer[] = [];
  for await (const piece of socket) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString();
};

/** What the kernel has been given, of which Node tells only with what waits for it. */
const dispatched = (socket: Socket): number =>
  (socket as unknown as { _handle: { bytesWritten: number } })._handle.bytesWritten;

describe('Gathered writes', () => {
  it('leave at the end of the turn, in order, whatever they were written as', async () => {
    const { near, far } = await openPair();
    near.write('text ');
    near.write(Buffer.from('bytes '));
    near.write('c3bc', 'hex');
    near.cork();
    near.write(' corked');
    near.write(' pieces');
    near.uncork();
    expect(dispatched(near)).toBe(0);
    near.end('.');
    expect(await allOf(far)).toBe('text bytes ü corked pieces.');
  });

  it('of all sockets leave in the same turn', async () => {
    const pairs = await Promise.all([openPair(), openPair(), openPair()]);
    const counts: number[][] = [];
    for (const { near } of pairs) {
      counts.push(pairs.map((pair) => dispatched(pair.near)));
      near.write('x');
    }
    await new Promise((resolve) => setImmediate(resolve));
    counts.push(pairs.map((pair) => dispatched(pair.near)));
    expect(counts).toEqual([...Array.from({ length: 3 }, () => [0, 0, 0]), [1, 1, 1]]);
  });

  it('call back once each, in order, when they are through', async () => {
    const { near, far } = await openPair();
    far.resume();
    const done: number[] = [];
    for (let i = 0; i < 5; i++) near.write(`${i}`, () => done.push(i));
    expect(done).toEqual([]);
    near.end();
    await once(near, 'finish');
    expect(done).toEqual([0, 1, 2, 3, 4]);
  });

  it('push back as ever, and go on when there is room', async () => {
    const { near, far } = await openPair();
    const piece = Buffer.alloc(65_536, 'x');
    let written = 0;
    for (let turn = 0; turn < 200; turn++) {
      const hasRoom = near.write(piece);
      written += piece.length;
      if (!hasRoom) break;
    }
    expect(near.writableNeedDrain).toBe(true);
    const drained = once(near, 'drain');
    let received = 0;
    far.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    await drained;
    near.end();
    await once(far, 'end');
    expect(received).toBe(written);
  });

  it('still leave when the socket is destroyed in the same turn', async () => {
    const { near, far } = await openPair();
    near.write('last words');
    near.destroy();
    expect(await allOf(far)).toBe('last words');
  });

  it('leave before the end with destroySoon', async () => {
    const { near, far } = await openPair();
    near.write('an answer');
    near.destroySoon();
    expect(await allOf(far)).toBe('an answer');
    expect(near.destroyed).toBe(true);
  });

  it('to a peer that is gone fail for who wrote them, and for nobody else', async () => {
    const [gone, there] = await Promise.all([openPair(), openPair()]);
    gone.far.resetAndDestroy();
    await new Promise((resolve) => gone.near.once('close', resolve));
    const failed = new Promise((resolve) => gone.near.write('to nobody', resolve));
    there.near.end('to somebody');
    expect(await failed).toBeInstanceOf(Error);
    expect(await allOf(there.far)).toBe('to somebody');
  });

  it('that throw in the stream fail it, and for nobody else', async () => {
    const [broken, there] = await Promise.all([openPair(), openPair()]);
    const failed = once(broken.near, 'error');
    broken.near.write('x', 'latin1');
    Object.defineProperty(broken.near, '_handle', {
      get: () => {
        throw new Error('no handle');
      },
    });
    there.near.end('to somebody');
    expect(await allOf(there.far)).toBe('to somebody');
    expect((await failed)[0]).toMatchObject({ message: 'no handle' });
  });
});
