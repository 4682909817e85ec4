import { createServer, type IncomingHttpHeaders, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { createMidtransSimulator, type SimulatorOptions } from '../app.ts';
import { isJsonObject, type JsonObject } from '../domain/json.ts';

export const serverKey = 'SB-Mid-server-TESTKEY0000000000';

export type Reply = { readonly httpStatus: number; readonly body: JsonObject; readonly headers: Headers };
export type Send = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Reply>;

export const authorization = (key: string): string => `Basic ${Buffer.from(`${key}:`).toString('base64')}`;

/** A running simulator on a free port, closed when the test ends. */
export async function startSimulator(options: SimulatorOptions = {}) {
  const { app, simulator } = createMidtransSimulator(options);
  const baseUrl = await app.listen({ port: 0, host: '127.0.0.1' });
  onTestFinished(() => app.close());
  const send: Send = async (method, path, body, headers = {}) => {
    const response = await fetch(new URL(path, baseUrl), {
      method,
      headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const parsed: unknown = text === '' ? {} : JSON.parse(text);
    if (!isJsonObject(parsed)) throw new Error(`not an object: ${text}`);
    return { httpStatus: response.status, body: parsed, headers: response.headers };
  };
  const asMerchant =
    (key: string): Send =>
    (method, path, body, headers = {}) =>
      send(method, path, body, { authorization: authorization(key), ...headers });
  const control: Send = send;
  const advance = (seconds: number): Promise<Reply> => control('POST', '/simulator/clock/advance', { seconds });
  return { app, simulator, baseUrl, send, asMerchant, merchant: asMerchant(serverKey), control, advance };
}

export type Running = Awaited<ReturnType<typeof startSimulator>>;

export type Received = { readonly path: string; readonly headers: IncomingHttpHeaders; readonly body: JsonObject };

/** A merchant's endpoint that remembers what came and answers what the test says, 200 by default. */
export async function startMerchantEndpoint(statusFor: (received: Received) => number | Location = () => 200) {
  const received: Received[] = [];
  const waiting: { count: number; resolve: () => void }[] = [];
  const url = await listen((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
      const item = { path: request.url ?? '', headers: request.headers, body: isJsonObject(body) ? body : {} };
      received.push(item);
      const answer = statusFor(item);
      if (typeof answer === 'number') response.writeHead(answer).end();
      else response.writeHead(answer.status, { location: answer.location }).end();
      for (const waiter of waiting) if (received.length >= waiter.count) waiter.resolve();
    });
  });
  return {
    url: `${url}/hook`,
    received,
    statuses: (): readonly unknown[] => received.map((item) => item.body['transaction_status']),
    /** Resolves when at least so many notifications have come. */
    arrived: (count: number): Promise<void> =>
      received.length >= count
        ? Promise.resolve()
        : new Promise((resolve) => {
            waiting.push({ count, resolve });
          }),
  };
}

export type Location = { readonly status: 301 | 302 | 303 | 307 | 308; readonly location: string };

export async function listen(listener: RequestListener): Promise<string> {
  const server: Server = createServer(listener);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  return `http://127.0.0.1:${address.port}`;
}

let lastOrder = 0;
export const freshOrderId = (): string => `order-${process.pid}-${++lastOrder}`;

export const bankTransfer = (orderId = freshOrderId(), bank = 'bca', grossAmount = 44_000): JsonObject => ({
  payment_type: 'bank_transfer',
  transaction_details: { order_id: orderId, gross_amount: grossAmount },
  bank_transfer: { bank },
});

export const qris = (orderId = freshOrderId(), grossAmount = 44_000): JsonObject => ({
  payment_type: 'qris',
  transaction_details: { order_id: orderId, gross_amount: grossAmount },
  qris: { acquirer: 'gopay' },
});

export const gopay = (orderId = freshOrderId(), grossAmount = 44_000): JsonObject => ({
  payment_type: 'gopay',
  transaction_details: { order_id: orderId, gross_amount: grossAmount },
  gopay: { enable_callback: true, callback_url: 'https://shop.example/done' },
});

export const echannel = (orderId = freshOrderId()): JsonObject => ({
  payment_type: 'echannel',
  transaction_details: { order_id: orderId, gross_amount: 44_000 },
  echannel: { bill_info1: 'Payment:', bill_info2: 'Online purchase' },
});

export function textOf(body: JsonObject, name: string): string {
  const value = body[name];
  if (typeof value !== 'string') throw new Error(`${name} is not text in ${JSON.stringify(body)}`);
  return value;
}

export function listOf(body: JsonObject, name: string): readonly JsonObject[] {
  const value = body[name];
  if (!Array.isArray(value)) throw new Error(`${name} is not a list in ${JSON.stringify(body)}`);
  return (value as readonly unknown[]).filter(isJsonObject);
}
