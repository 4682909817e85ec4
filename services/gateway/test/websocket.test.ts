import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { PASSPORT_HEADER } from '@tenantry/auth/passport.ts';
import { endpoint } from '@tenantry/contract/endpoint.ts';
import { tenantKey } from '@tenantry/contract/tenant-configuration.ts';
import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { newId } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { eventually } from '../../../tests/support/eventually.ts';
import { answersWith, ISSUER, openSetting, type Setting } from './setting.ts';
import {
  begin,
  closeOf,
  nextFrame,
  nextMessage,
  type Opening as OpeningAt,
  refusal as refusalAt,
} from './socket-shop.ts';
import { beginSoonExpired } from './soon-expired.ts';
import { untilStill } from './transfer.ts';

const chat = endpoint({
  name: 'chats.connect',
  method: 'GET',
  path: '/v1/chats/:chatId',
  summary: 'Talk',
  permission: 'note:read',
  reach: 'own',
  webSocket: true,
});
const purge = endpoint({
  name: 'chats.purge',
  method: 'GET',
  path: '/v1/chat-purges',
  summary: 'Needs more than a member has',
  permission: 'note:purge',
  reach: 'tenant',
  webSocket: true,
});
const lobby = endpoint({
  name: 'chats.lobby',
  method: 'GET',
  path: '/v1/lobby',
  summary: 'Talk to anybody',
  access: 'public',
  webSocket: true,
});
const plain = endpoint({ name: 'chats.read', method: 'GET', path: '/v1/chats', summary: 'x', access: 'public' });

let setting: Setting;
let gatewayUrl: string;
let tenant: TenantRecord;
/** What the service's side does with each connection; a test gives its own. */
let onConnection: (socket: WebSocket, request: IncomingMessage) => void;
let onUpgrade: (request: IncomingMessage, socket: Socket, head: Buffer) => void;
let seen: IncomingMessage[];
const accepted = new Set<WebSocket>();
const server = new WebSocketServer({
  noServer: true,
  handleProtocols: (offered) => (offered.has('chat.v1') ? 'chat.v1' : false),
});
const accept = (request: IncomingMessage, socket: Socket, head: Buffer): void =>
  server.handleUpgrade(request, socket, head, (webSocket) => {
    accepted.add(webSocket);
    webSocket.on('close', () => accepted.delete(webSocket)).on('error', () => undefined);
    onConnection(webSocket, request);
  });
const echo = (socket: WebSocket): void => {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
};

beforeAll(async () => {
  setting = await openSetting();
  tenant = await setting.tenant();
  await setting.configure(tenantKey(tenant.id), { cors: { allowedOrigins: ['https://app.acme.test'] } });
  await openService(setting);
  gatewayUrl = await openGateway();
});
beforeEach(() => {
  onConnection = echo;
  onUpgrade = accept;
  seen = [];
});
afterAll(async () => {
  for (const socket of accepted) socket.terminate();
  await setting.close();
});

async function openService(where: Setting): Promise<Server> {
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    request.resume();
    response.end('page');
  };
  // The setting's own raw services take requests only; this one stands beside and lends its address.
  const real = createServer(listener);
  real.on('upgrade', (request, socket: Socket, head) => {
    seen.push(request);
    onUpgrade(request, socket, head);
  });
  await new Promise<void>((resolve) => real.listen(0, '127.0.0.1', resolve));
  await where.announce(
    'chats',
    `http://127.0.0.1:${(real.address() as AddressInfo).port}`,
    [chat, purge, lobby, plain],
    async () => {
      for (const socket of accepted) socket.terminate();
      real.closeAllConnections();
      await new Promise((resolve) => real.close(resolve));
    },
  );
  return real;
}

async function openGateway(environment: Readonly<Record<string, string>> = {}): Promise<string> {
  const { url } = await setting.gateway(environment);
  await answersWith(200, () => fetch(`${url}/v1/chats`));
  return url;
}

type Opening = Partial<OpeningAt> & { readonly path?: string; readonly url?: string };

const at = ({ path = '/v1/chats/1', url = gatewayUrl, ...opening }: Opening): [url: string, OpeningAt] => [
  `${url}${path}`,
  { token: setting.token(tenant.id), ...opening },
];

async function open(opening: Opening = {}): Promise<WebSocket> {
  const socket = begin(...at(opening));
  await once(socket, 'open');
  return socket;
}

const refusal = (opening: Opening) => refusalAt(...at(opening));

describe('Opening a WebSocket', () => {
  it('passes messages both ways, text as text and bytes as bytes', async () => {
    const socket = await open();
    socket.send('hello');
    expect(await nextMessage(socket)).toBe('hello');
    socket.send(Buffer.from([0, 1, 255]));
    const { data, isBinary } = await nextFrame(socket);
    expect([[...data], isBinary]).toEqual([[0, 1, 255], true]);
    socket.close(4000, 'done');
    await closeOf(socket);
    expect(seen[0]?.url).toBe('/v1/chats/1');
    expect(seen[0]?.headers[PASSPORT_HEADER]).toBeDefined();
    expect(seen[0]?.headers['tenantry-client-address']).toBe('127.0.0.1');
    expect(seen[0]?.headers.authorization).toBeUndefined();
  });

  it('loses nothing of what the service says at once', async () => {
    onConnection = (socket) => {
      for (let i = 0; i < 100; i++) socket.send(String(i));
      socket.close(1000);
    };
    const socket = begin(...at({}));
    const got: string[] = [];
    socket.on('message', (data: Buffer) => got.push(data.toString()));
    expect(await closeOf(socket)).toEqual([1000, '']);
    expect(got).toEqual(Array.from({ length: 100 }, (_, i) => String(i)));
  });

  it('takes a token among the subprotocols, which goes no further', async () => {
    const token = setting.token(tenant.id);
    const plainSocket = await open({ token: null, protocols: ['tenantry', `tenantry.bearer.${token}`] });
    expect(plainSocket.protocol).toBe('tenantry');
    expect(seen[0]?.headers['sec-websocket-protocol']).toBeUndefined();
    const chosen = await open({ token: null, protocols: ['chat.v1', 'chat.v0', `tenantry.bearer.${token}`] });
    expect(chosen.protocol).toBe('chat.v1');
    expect(seen[1]?.headers['sec-websocket-protocol']).toBe('chat.v1,chat.v0');
    expect(JSON.stringify(seen.map(({ rawHeaders }) => rawHeaders))).not.toContain(token);
    for (const socket of [plainSocket, chosen]) socket.terminate();
  });

  it('keeps what an impatient client says before it is let in', async () => {
    const socket = connect(Number(new URL(gatewayUrl).port), '127.0.0.1');
    const head = [
      'GET /v1/chats/1 HTTP/1.1',
      'Host: gateway',
      `Authorization: Bearer ${setting.token(tenant.id)}`,
      ...['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'],
      `Sec-WebSocket-Key: ${Buffer.alloc(16, 1).toString('base64')}`,
    ].join('\r\n');
    // A text message, masked with zeros.
    const frame = (text: string) => Buffer.from([0x81, 0x80 + text.length, 0, 0, 0, 0, ...Buffer.from(text)]);
    socket.write(Buffer.concat([Buffer.from(`${head}\r\n\r\n`), frame('one')]));
    socket.write(frame('two'));
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
    });
    await eventually(() => expect(text).toMatch(/one.*two/s));
    socket.destroy();
  });

  it('is refused as a request would be, before the service hears of it', async () => {
    const refused: [Opening, number, string][] = [
      [{ token: null }, 401, 'unauthenticated'],
      [{ token: 'x.y.z' }, 401, 'unauthenticated'],
      [{ token: null, protocols: ['tenantry.bearer.x'] }, 401, 'unauthenticated'],
      [{ token: null, protocols: ['tenantry.bearer.x', 'tenantry.bearer.y'] }, 400, 'malformed-request'],
      [{ headers: { 'x-tenant-id': newId('ten') } }, 403, 'tenant-mismatch'],
      [{ path: '/v1/chat-purges', token: setting.token(tenant.id, { roles: ['member'] }) }, 403, 'forbidden'],
      [{ path: '/v1/chats' }, 501, 'upgrade-refused'],
      [{ path: '/v1/nothing' }, 501, 'upgrade-refused'],
      [{ path: '/v1/chats/a%2fb' }, 400, 'malformed-request'],
      [{ protocolVersion: 8 }, 426, 'upgrade-required'],
    ];
    for (const [opening, status, code] of refused)
      expect(await refusal(opening)).toMatchObject({ status, body: { code, status } });
    expect(seen).toEqual([]);
  });

  it('is the only thing that its address takes', async () => {
    const response = await fetch(`${gatewayUrl}/v1/chats/1`);
    expect([response.status, response.headers.get('upgrade')]).toEqual([426, 'websocket']);
  });

  it('is refused to pages that the tenant does not allow, whatever token they have', async () => {
    const evil = { headers: { origin: 'https://evil.test' } };
    expect(await refusal(evil)).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    expect(await refusal({ headers: { origin: 'null' } })).toMatchObject({ status: 403 });
    expect(await refusal({ path: '/v1/lobby', token: null, ...evil })).toMatchObject({ status: 403 });
    const other = await setting.tenant({ slug: 'other' });
    const theirs = { token: setting.token(other.id), headers: { origin: 'https://app.acme.test' } };
    expect(await refusal(theirs)).toMatchObject({ status: 403 });
    expect(seen).toEqual([]);
    for (const origin of ['https://app.acme.test', ISSUER]) (await open({ headers: { origin } })).terminate();
    (await open({ path: '/v1/lobby', token: null })).terminate();
  });

  it('hands on what the service answers instead', async () => {
    onUpgrade = (_request, socket) => {
      socket.end(
        'HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nServer: secret\r\nContent-Length: 7\r\n\r\nno chat',
      );
    };
    expect(await refusal({})).toMatchObject({ status: 404, body: { text: 'no chat' } });
    onUpgrade = (_request, socket) => socket.destroy();
    expect(await refusal({})).toMatchObject({ status: 503, body: { code: 'upstream-unavailable' } });
  });

  it('gives up on the service when the client is gone', async () => {
    const stopped = Promise.withResolvers<void>();
    const arrived = Promise.withResolvers<void>();
    onUpgrade = (_request, socket) => {
      socket.resume();
      socket.on('error', () => undefined).on('end', () => stopped.resolve());
      socket.on('end', () => socket.end());
      arrived.resolve();
    };
    const socket = begin(...at({}));
    socket.on('error', () => undefined);
    await arrived.promise;
    socket.terminate();
    await stopped.promise;
  });
});

describe('An open WebSocket', () => {
  it('passes closes on with their codes, and tells a client when the service broke off', async () => {
    const fromClient = Promise.withResolvers<[number, string]>();
    onConnection = (socket) => socket.on('close', (code, reason) => fromClient.resolve([code, reason.toString()]));
    (await open()).close(4001, 'bye');
    expect(await fromClient.promise).toEqual([4001, 'bye']);
    onConnection = (socket) => socket.close(4002, 'full');
    expect(await closeOf(await open())).toEqual([4002, 'full']);
    onConnection = (socket) => socket.close();
    expect(await closeOf(await open())).toEqual([1000, '']);
    onConnection = (socket) => socket.on('message', () => socket.terminate());
    const socket = await open();
    socket.send('die');
    expect((await closeOf(socket))[0]).toBe(1011);
  });

  it('ends at the service when the client vanishes', async () => {
    const socket = await open();
    const [service] = [...accepted].slice(-1);
    const closed = service === undefined ? undefined : once(service, 'close');
    socket.terminate();
    expect((await closed)?.[0]).toBe(1006);
  });

  it('has nothing to do with the deadline of requests', async () => {
    const url = await openGateway({ REQUEST_DEADLINE_MS: '500' });
    const socket = await eventually(() => open({ url }));
    await new Promise((resolve) => setTimeout(resolve, 700));
    socket.send('still here');
    expect(await nextMessage(socket)).toBe('still here');
    socket.terminate();
  });

  it('is closed when the token expires, and carries nothing any more', async () => {
    const { begun: socket, expiresAtMs } = await beginSoonExpired((expiresAtSeconds) =>
      open({ token: setting.token(tenant.id, { expiresAtSeconds }) }),
    );
    expect((await closeOf(socket))[0]).toBe(1008);
    expect(Date.now()).toBeGreaterThanOrEqual(expiresAtMs - 1);
  });

  it('is closed when its session is revoked, also for a client that does not answer, and no other is', async () => {
    const sessionId = newId('ses');
    const revoked = await open({ token: setting.token(tenant.id, { sessionId }) });
    const deaf = await open({ token: setting.token(tenant.id, { sessionId }) });
    const other = await open();
    deaf.pause();
    const before = accepted.size;
    const closed = closeOf(revoked);
    await setting.revoke(sessionId);
    expect((await closed)[0]).toBe(1008);
    await eventually(() => expect(accepted.size).toBeLessThanOrEqual(before - 2));
    other.send('still here');
    expect(await nextMessage(other)).toBe('still here');
    for (const socket of [deaf, other]) socket.terminate();
  });

  it('is closed when its tenant is suspended', async () => {
    const suspended = await setting.tenant({ slug: 'late' });
    const socket = await open({ token: setting.token(suspended.id) });
    await setting.tenant({ ...suspended, status: 'suspended', version: 2 });
    expect((await closeOf(socket))[0]).toBe(1008);
  });

  it('is told to go elsewhere when the gateway closes', async () => {
    const closing = await setting.gateway({ DRAIN_DEADLINE_MS: '20000' });
    await answersWith(200, () => fetch(`${closing.url}/v1/chats`));
    const socket = await open({ url: closing.url });
    const deaf = await open({ url: closing.url });
    deaf.pause();
    const closed = closing.close();
    expect((await closeOf(socket))[0]).toBe(1001);
    await closed;
    deaf.terminate();
  });

  it('takes no message above the limit, from neither side', async () => {
    const url = await openGateway({ WEBSOCKET_MAX_MESSAGE_BYTES: '4096' });
    const fromClient = await open({ url });
    fromClient.send(Buffer.alloc(5_000));
    expect((await closeOf(fromClient))[0]).toBe(1009);
    onConnection = (socket) => socket.send(Buffer.alloc(5_000));
    expect((await closeOf(await open({ url })))[0]).toBe(1009);
  });

  it('is cut when the client answers no ping, and closed when nobody says anything', async () => {
    const pinging = await openGateway({ WEBSOCKET_PING_MS: '200' });
    expect((await closeOf(await open({ url: pinging, autoPong: false })))[0]).toBe(1006);
    const url = await openGateway({ WEBSOCKET_IDLE_MS: '500', WEBSOCKET_PING_MS: '100' });
    expect((await closeOf(await open({ url })))[0]).toBe(1001);
  });

  it('is read no faster than the other side takes it', async () => {
    const url = await openGateway({ WEBSOCKET_PING_MS: '60000' });
    const message = Buffer.alloc(65_536, 'x');
    const total = 1_500;
    let sent = 0;
    onConnection = (socket) => {
      const more = (): void => {
        while (sent < total && socket.bufferedAmount < 1_000_000) {
          sent++;
          socket.send(message, more);
        }
      };
      more();
    };
    const socket = begin(...at({ url }));
    let received = 0;
    socket.on('message', () => {
      received++;
    });
    await once(socket, 'open');
    socket.pause();
    expect(await untilStill(() => sent)).toBeLessThan(total / 2);
    socket.resume();
    await eventually(() => expect(received).toBe(total), 60_000);
    socket.terminate();
  }, 90_000);

  it('counts: no more than so many of a principal and of a tenant, and a place is free again afterwards', async () => {
    const url = await openGateway({ WEBSOCKETS_PER_PRINCIPAL: '2', WEBSOCKETS_PER_TENANT: '3' });
    const counted = await setting.tenant({ slug: 'counted' });
    const userId = newId('usr');
    const one = () => setting.token(counted.id, { userId });
    // At the same instant: the places must be taken before anything is waited for.
    const outcomes = await Promise.all(
      Array.from({ length: 6 }, () =>
        open({ url, token: one() }).then(
          (socket) => socket,
          (error: unknown) => String(error),
        ),
      ),
    );
    const sockets = outcomes.filter((outcome) => outcome instanceof WebSocket);
    expect(sockets).toHaveLength(2);
    expect(outcomes.filter((outcome) => typeof outcome === 'string' && outcome.includes('429'))).toHaveLength(4);
    const third = await open({ url, token: setting.token(counted.id) });
    expect(await refusal({ url, token: setting.token(counted.id) })).toMatchObject({
      status: 429,
      body: { code: 'too-many-connections', limit: 3 },
    });
    expect((await open({ url })).readyState).toBe(WebSocket.OPEN); // another tenant's
    sockets[0]?.close();
    await eventually(async () => (await open({ url, token: one() })).terminate());
    for (const socket of [...sockets, third]) socket.terminate();
  });

  it('counts against the rate limit when it opens', async () => {
    const url = await openGateway({ RATE_LIMIT_TENANT_PER_SECOND: '2', RATE_LIMIT_TENANT_BURST_SECONDS: '1' });
    const limited = await setting.tenant({ slug: 'limited' });
    const refused = async (): Promise<boolean> =>
      open({ url, token: setting.token(limited.id) }).then(
        (socket) => {
          socket.terminate();
          return false;
        },
        (error: unknown) => String(error).includes('429'),
      );
    // Two may pass, and two more in every second that it takes.
    await eventually(async () => {
      const outcomes = await Promise.all(Array.from({ length: 8 }, refused));
      expect(outcomes.filter(Boolean).length).toBeGreaterThanOrEqual(4);
    });
  });
});

describe('Handshakes that are none', () => {
  const raw = async (headers: readonly string[], after = ''): Promise<string> => {
    const socket = connect(Number(new URL(gatewayUrl).port), '127.0.0.1');
    const lines = ['GET /v1/chats/1 HTTP/1.1', 'Host: gateway', `Authorization: Bearer ${setting.token(tenant.id)}`];
    socket.write(`${[...lines, ...headers].join('\r\n')}\r\n\r\n${after}`);
    let text = '';
    socket.on('error', () => undefined);
    for await (const chunk of socket) text += chunk;
    return text;
  };
  const upgrade = ['Connection: Upgrade', 'Upgrade: websocket'];

  it('are refused, and nothing behind them is taken for a request', async () => {
    const hidden = 'GET /v1/chats HTTP/1.1\r\nHost: x\r\n\r\n';
    for (const headers of [
      upgrade,
      [...upgrade, 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AAAA'],
      [...upgrade, 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==', 'Host: evil'],
    ]) {
      const text = await raw(headers, hidden);
      expect(text).toMatch(/^HTTP\/1\.1 400 /);
      expect(text.match(/HTTP\/1\.1/g)).toHaveLength(1);
    }
    expect(seen).toEqual([]);
  });
});
