import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type ClientOptions, WebSocket, WebSocketServer } from 'ws';

type OnUpgrade = (request: IncomingMessage, socket: Socket, head: Buffer) => void;

/** A product that speaks WebSocket: says its name first, then everything back. */
export async function openSocketProduct(name = 'shop') {
  const seen: IncomingMessage[] = [];
  const sockets = new Set<WebSocket>();
  const connections = new Set<Socket>();
  const upgrader = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => (offered.has('chat.v1') ? 'chat.v1' : false),
  });
  const accept: OnUpgrade = (request, socket, head) =>
    upgrader.handleUpgrade(request, socket, head, (webSocket) => {
      sockets.add(webSocket);
      webSocket.on('close', () => sockets.delete(webSocket)).on('error', () => undefined);
      webSocket.on('message', (data, isBinary) => webSocket.send(data, { binary: isBinary }));
      webSocket.send(name);
    });
  let onUpgrade = accept;
  const page: RequestListener = (_request, response) => response.end('page');
  const server = createServer(page);
  server.on('connection', (socket) => {
    connections.add(socket);
    socket.on('error', () => undefined).on('close', () => connections.delete(socket));
  });
  server.on('upgrade', (request, socket: Socket, head) => {
    seen.push(request);
    onUpgrade(request, socket, head);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    /** Those that are open. */
    sockets,
    upgrade(next: OnUpgrade = accept): void {
      onUpgrade = next;
      seen.length = 0;
    },
    async close(): Promise<void> {
      for (const socket of connections) socket.destroy();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
}
export type SocketProduct = Awaited<ReturnType<typeof openSocketProduct>>;

export type Opening = { readonly token: string | null; readonly protocols?: readonly string[] } & ClientOptions;

type Close = [code: number, reason: string];

/** Remembered from the beginning: whoever asks may ask when it has long been closed. */
const closes = new WeakMap<WebSocket, Promise<Close>>();

export function begin(url: string, { token, protocols = [], ...options }: Opening): WebSocket {
  const headers = { ...options.headers, ...(token !== null && { authorization: `Bearer ${token}` }) };
  const socket = new WebSocket(url.replace('http', 'ws'), [...protocols], { ...options, headers });
  const close = once(socket, 'close').then(([code, reason]): Close => [Number(code), String(reason)]);
  close.catch(() => undefined); // told to whoever asks
  closes.set(socket, close);
  return socket;
}

/** The first thing that is said, and the WebSocket it was said on. */
export async function open(url: string, opening: Opening): Promise<{ socket: WebSocket; greeting: string }> {
  const socket = begin(url, opening);
  const greeting = await nextMessage(socket);
  return { socket, greeting };
}

/** What is said next; ask before it can be. Fails when the WebSocket closes instead. */
export async function nextMessage(socket: WebSocket): Promise<string> {
  return (await nextFrame(socket)).data.toString();
}

export async function nextFrame(socket: WebSocket): Promise<{ readonly data: Buffer; readonly isBinary: boolean }> {
  const closed = closeOf(socket).then(([code, reason]): never => {
    throw new Error(`It was closed instead: ${code} ${reason}`);
  });
  const [data, isBinary] = (await Promise.race([once(socket, 'message'), closed])) as [Buffer, boolean];
  return { data, isBinary };
}

/** How it was closed, or will be; fails when the WebSocket does. */
export function closeOf(socket: WebSocket): Promise<Close> {
  return closes.get(socket) ?? Promise.reject(new Error('This WebSocket was begun by somebody else.'));
}

export const codeOfClose = async (socket: WebSocket): Promise<number> => (await closeOf(socket))[0];

/** The HTTP answer that a client gets instead of a WebSocket. */
export async function refusal(url: string, opening: Opening) {
  const socket = begin(url, opening);
  socket.on('error', () => undefined);
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
  let text = '';
  for await (const chunk of response) text += chunk;
  const body: Record<string, unknown> =
    response.headers['content-type']?.includes('json') === true ? JSON.parse(text) : { text };
  return { status: response.statusCode, code: body.code, body, headers: response.headers };
}
