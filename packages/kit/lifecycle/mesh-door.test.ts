import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect as connectPlainly } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { MeshAgents } from '@tenantry/mesh/identity/agents.ts';
import type { RenewedIdentity } from '@tenantry/mesh/identity/renewed-identity.ts';
import { type MeshPeer, peerOf, readPeer } from '@tenantry/mesh/identity.ts';
import { LINK_PROTOCOL } from '@tenantry/mesh/links/dial-link.ts';
import { openHouse } from '@tenantry/mesh/test/house.ts';
import { afterEach, describe, expect, it } from 'vitest';
import { createAuthority, identityOf } from '../../../tests/support/certificates.ts';
import { eventually } from '../../../tests/support/eventually.ts';
import { createLogger } from '../logger.ts';
import { CloseStack } from './close-stack.ts';
import { type MeshDoor, type MeshDoorOptions, openMeshDoor } from './mesh-door.ts';

let closing = new CloseStack();
afterEach(async () => {
  await closing.close();
  closing = new CloseStack();
});

const logger = createLogger({ service: 'billing', instanceId: 'billing-1', level: 'silent' });

/** Both ends of a handshake are in this one process. */
const PATIENT = { timeoutMs: 15_000 };

type Opened = {
  readonly house: ReturnType<typeof openHouse>;
  readonly door: MeshDoor;
  readonly http: Server;
  readonly ask: (from: RenewedIdentity, path?: string) => Promise<string>;
};

/** A door of billing, behind which every answer says who asked. */
async function openBilling(options: { lifeMs?: number; onLink?: MeshDoorOptions['onLink'] } = {}): Promise<Opened> {
  const house = openHouse(options.lifeMs === undefined ? {} : { lifeMs: options.lifeMs });
  // As the kit's: longer than callers keep a connection, or both ends would close one at the same instant.
  const http = createServer({ keepAliveTimeout: 65_000 }, (request, response) => {
    const answer = (): void => void response.end(peerOf(request.socket)?.service ?? 'nobody');
    if (request.url === '/slow') setTimeout(answer, 300);
    else answer();
  });
  const door = await openMeshDoor({
    identity: await house.join('billing'),
    callers: ['gateway', 'subscriptions'],
    http,
    logger,
    host: '127.0.0.1',
    port: 0,
    ...(options.onLink === undefined ? {} : { onLink: options.onLink }),
  });
  closing.push(async () => house.close());
  closing.push(() => door.close());
  const ways = new Map<RenewedIdentity, MeshAgents>();
  return {
    house,
    door,
    http,
    async ask(from, path = '/') {
      const known = ways.get(from);
      const way = known ?? new MeshAgents(from, PATIENT);
      if (known === undefined) {
        ways.set(from, way);
        closing.push(() => way.close());
      }
      const [agent, origin] = way.wayTo({ service: 'billing', url: '', meshUrl: door.url });
      const { body } = await agent.request({ origin, path, method: 'GET' });
      return body.text();
    },
  };
}

const portOf = ({ url }: MeshDoor): number => Number(new URL(url).port);

/** What the other end does with a connection of this kind: the first thing that happens after the handshake. */
async function knock(door: MeshDoor, options: ConnectionOptions): Promise<string> {
  const socket = connect({
    host: '127.0.0.1',
    port: portOf(door),
    rejectUnauthorized: false,
    minVersion: 'TLSv1.3',
    ...options,
  });
  const heard = Promise.race([
    once(socket, 'data').then(([data]) => String(data).split('\r\n')[0] ?? ''),
    once(socket, 'close').then(() => 'closed'),
    once(socket, 'error').then(([error]) => String((error as { code?: string }).code)),
  ]).catch((error: unknown) => String((error as { code?: string }).code));
  socket.on('secureConnect', () => socket.write('GET / HTTP/1.1\r\nhost: billing\r\n\r\n'));
  socket.on('error', () => undefined);
  const result = await heard;
  socket.destroy();
  return result;
}

/** What a thief has who was at a process's memory or disk. */
const stolenFrom = (identity: RenewedIdentity): ConnectionOptions => {
  const { key, cert } = identity.serverOptions();
  return { key, cert } as ConnectionOptions;
};

describe('The mesh door', () => {
  it('lets in whom the contracts name, and knows who it is', async () => {
    const { house, ask } = await openBilling();
    expect(await ask(await house.join('gateway'))).toBe('gateway');
    expect(await ask(await house.join('subscriptions'))).toBe('subscriptions');
  });

  it('refuses everybody else', async () => {
    const { house, door, ask } = await openBilling();
    const strangers = createAuthority();
    const soon = { from: new Date(Date.now() - 120_000), to: new Date(Date.now() - 60_000) };
    const spiffeId = 'spiffe://tenantry/-/gateway/gateway-1';
    const refused = expect.stringMatching(/^(closed|ECONNRESET|EPIPE|ERR_SSL_.*)$/);
    expect(await knock(door, {})).toEqual(refused);
    expect(await knock(door, identityOf(strangers.issue([spiffeId])))).toEqual(refused);
    expect(await knock(door, identityOf(strangers.issue([spiffeId], soon)))).toEqual(refused);
    expect(await knock(door, stolenFrom(await house.join('notifications')))).toEqual(refused);
    const twisted = { namespace: '', service: 'gateway', instanceId: 'payments-1' };
    expect(await knock(door, stolenFrom(await house.join('gateway', { id: twisted })))).toEqual(refused);
    expect(
      await knock(door, { ...stolenFrom(await house.join('gateway')), maxVersion: 'TLSv1.2', minVersion: 'TLSv1.2' }),
    ).toEqual(refused);
    // The same way is open to the right one.
    expect(await knock(door, stolenFrom(await house.join('gateway')))).toBe('HTTP/1.1 200 OK');
    await expect(ask(await house.join('notifications'))).rejects.toThrow();
  });

  it('refuses a certificate that has expired', async () => {
    const { house, door } = await openBilling();
    house.setLife(1_000);
    const stolen = stolenFrom(await house.join('gateway'));
    await eventually(async () => expect(await knock(door, stolen)).not.toBe('HTTP/1.1 200 OK'));
  });

  it('speaks no plain HTTP and no protocol that it does not know', async () => {
    const { house, door } = await openBilling();
    const socket = connectPlainly(portOf(door), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write('GET / HTTP/1.1\r\nhost: billing\r\n\r\n');
    let heard = '';
    socket.on('data', (data) => (heard += data.toString('latin1')));
    await once(socket, 'close');
    expect(heard).not.toContain('HTTP/');
    const stolen = stolenFrom(await house.join('gateway'));
    expect(await knock(door, { ...stolen, ALPNProtocols: ['h2'] })).toBe('ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL');
    expect(await knock(door, { ...stolen, ALPNProtocols: ['h2', 'http/1.1'] })).toBe('HTTP/1.1 200 OK');
  });

  it('gives no session away that would open without a certificate', async () => {
    const { house, door } = await openBilling();
    const stolen = stolenFrom(await house.join('gateway'));
    const first = connect({ host: '127.0.0.1', port: portOf(door), rejectUnauthorized: false, ...stolen });
    let session: Buffer | undefined;
    first.on('session', (given) => (session = given));
    first.write('GET / HTTP/1.1\r\nhost: billing\r\n\r\n');
    await once(first, 'data');
    first.destroy();
    expect(await knock(door, session === undefined ? {} : { session })).not.toBe('HTTP/1.1 200 OK');
  });

  it('is believed only where the one who is looked for answers', async () => {
    const { house, door } = await openBilling();
    const from = await house.join('gateway');
    const way = new MeshAgents(from, PATIENT);
    closing.push(() => way.close());
    const [agent, origin] = way.wayTo({ service: 'payments', url: '', meshUrl: door.url });
    await expect(agent.request({ origin, path: '/', method: 'GET' })).rejects.toMatchObject({
      code: 'ERR_MESH_NOT_CONNECTED',
      message: expect.stringContaining('not an instance of payments'),
    });
  });

  it('keeps connections alive, and closes when the last answer is out', async () => {
    const { house, door, http, ask } = await openBilling();
    const from = await house.join('gateway');
    let connections = 0;
    http.on('connection', () => connections++);
    for (let i = 0; i < 20; i++) await ask(from);
    expect(connections).toBeLessThan(10);
    const underWay = ask(from, '/slow');
    await once(http, 'request');
    const closed = door.close();
    expect(await underWay).toBe('gateway');
    await closed;
    await expect(ask(from)).rejects.toThrow();
  });

  it('hands links over with who calls, asks them to end, and ends them', async () => {
    const links: { socket: TLSSocket; caller: MeshPeer; isDrained: boolean }[] = [];
    const { house, door } = await openBilling({
      onLink(socket, caller) {
        const link = { socket, caller, isDrained: false };
        links.push(link);
        socket.on('data', (data) => socket.write(`echo ${data.toString()}`));
        return {
          drain: async () => {
            link.isDrained = true;
          },
        };
      },
    });
    const from = await house.join('gateway');
    const socket = connect({
      host: '127.0.0.1',
      port: portOf(door),
      ALPNProtocols: [LINK_PROTOCOL, 'http/1.1'],
      ...from.clientOptions('billing'),
    });
    await once(socket, 'secureConnect');
    expect(socket.alpnProtocol).toBe(LINK_PROTOCOL);
    expect(readPeer(socket)?.service).toBe('billing');
    socket.write('hello');
    expect(String((await once(socket, 'data'))[0])).toBe('echo hello');
    expect(links[0]?.caller).toMatchObject({ service: 'gateway' });
    const ended = once(socket, 'close');
    await door.close();
    await ended;
    expect(links[0]?.isDrained).toBe(true);
  });
});

describe('A stolen certificate', () => {
  it('works until it is revoked, and not a second longer: neither new connections nor those that stand', async () => {
    const { house, door } = await openBilling();
    const stolen = stolenFrom(await house.join('gateway'));
    const standing = connect({ host: '127.0.0.1', port: portOf(door), rejectUnauthorized: false, ...stolen });
    await once(standing, 'secureConnect');
    standing.on('error', () => undefined);
    standing.write('GET / HTTP/1.1\r\nhost: billing\r\n\r\n');
    await once(standing, 'data');
    expect(await knock(door, stolen)).toBe('HTTP/1.1 200 OK');
    const ended = once(standing, 'close');
    const { serialNumber } = new X509Certificate(String(stolen.cert));
    house.revoke({ serial: serialNumber.toLowerCase() });
    await ended;
    expect(await knock(door, stolen)).not.toBe('HTTP/1.1 200 OK');
  });

  it('of a server fools nobody after that either', async () => {
    const { house, ask, door } = await openBilling();
    const from = await house.join('gateway');
    expect(await ask(from)).toBe('gateway');
    const instanceId = await new Promise<string>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port: portOf(door), ...from.clientOptions('billing') }, () => {
        resolve(readPeer(socket)?.instanceId ?? '');
        socket.destroy();
      });
    });
    house.revoke({ instanceId });
    await expect(ask(from)).rejects.toMatchObject({ message: expect.stringContaining('was revoked') });
  });
});

describe('While certificates and roots change', () => {
  it('hundreds of calls under way all come through', { timeout: 120_000 }, async () => {
    const { house, ask } = await openBilling({ lifeMs: 14_000 });
    const callers = await Promise.all(['gateway', 'gateway', 'subscriptions'].map((service) => house.join(service)));
    const issuedBefore = house.issued();
    let answered = 0;
    let isOver = false;
    const workers = Array.from({ length: 200 }, async (_, n) => {
      const from = callers[n % callers.length] as RenewedIdentity;
      while (!isOver) {
        expect(await ask(from, n % 10 === 0 ? '/slow' : '/')).toMatch(/^(gateway|subscriptions)$/);
        answered++;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    });
    const all = Promise.all(workers);
    void all.catch(() => {
      isOver = true;
    });
    // Every identity is renewed twice, connections outlive the certificates they were made with, and the roots change.
    for (let turn = 1; turn <= 2 && !isOver; turn++) {
      await eventually(
        () => expect(isOver || (house.issued() >= issuedBefore + 4 * turn && answered >= 300 * turn)).toBe(true),
        60_000,
      );
      house.rotate();
    }
    isOver = true;
    await all;
    expect(answered).toBeGreaterThanOrEqual(600);
  });
});
