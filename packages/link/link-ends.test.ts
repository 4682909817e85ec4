import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createAuthority, identityOf } from '../../tests/support/certificates.ts';
import type { AnsweringLinkOptions } from './answering-link.ts';
import type { CallingLinkOptions } from './calling-link.ts';
import type { IncomingCall } from './incoming-call.ts';
import { openLink } from './open-link.ts';
import { failure, openPair } from './test/open-pair.ts';
import { poll } from './test/poll.ts';
import { type Loopback, openPlainLoopback, openTlsLoopback } from './test/socket-pair.ts';

for (const [name, openLoopback] of [
  ['plain', openPlainLoopback],
  ['mutual TLS', openTlsLoopback],
] as const) {
  describe(`How a link over a ${name} socket ends`, () => {
    let loopback: Loopback;
    beforeAll(async () => {
      loopback = await openLoopback();
    });
    afterAll(() => loopback.close());

    const open = (serving?: Partial<AnsweringLinkOptions>, calling?: CallingLinkOptions) =>
      openPair(loopback, serving, calling);

    it('drains from the end that answers: what was sent before the caller knew is answered, nothing more is begun', async () => {
      const calls: IncomingCall[] = [];
      let isTold = false;
      const { client, server } = await open(
        { handle: (call) => calls.push(call) },
        {
          onDraining: () => {
            isTold = true;
          },
        },
      );
      const before = client.request({ method: 'GET', path: '/before' });
      await poll(() => calls.length).toBe(1);
      const drained = server.drain(10_000);
      const crossing = client.request({ method: 'GET', path: '/crossing' });
      await poll(() => isTold).toBe(true);
      const refused = await failure(client.request({ method: 'GET', path: '/after' }));
      expect(refused).toMatchObject({ reason: 'draining', mayHaveActed: false });
      await poll(() => calls.length).toBe(2);
      for (const call of calls) call.answer(200, [], call.path);
      expect((await before).body.toString()).toBe('/before');
      expect((await crossing).body.toString()).toBe('/crossing');
      expect(await drained).toMatchObject({ reason: 'drained', by: 'us' });
      expect(await client.ended).toMatchObject({ reason: 'drained', by: 'peer' });
      const closed = await failure(client.request({ method: 'GET', path: '/' }));
      expect(closed).toMatchObject({ reason: 'closed', mayHaveActed: false });
    });

    it('drains from the end that calls, and a link without calls ends at once', async () => {
      const { client, server } = await open();
      const last = client.request({ method: 'GET', path: '/last' });
      expect(await client.drain(10_000)).toMatchObject({ reason: 'drained', by: 'peer' });
      expect((await last).status).toBe(200);
      expect(await server.ended).toMatchObject({ reason: 'drained', by: 'us' });
    });

    it('does not wait for ever when it drains', async () => {
      const { client, server } = await open({ handle: () => undefined });
      const lost = failure(client.request({ method: 'POST', path: '/' }));
      expect(await server.drain(20)).toMatchObject({ reason: 'drain-overdue', by: 'us' });
      expect(await lost).toMatchObject({
        reason: 'lost',
        mayHaveActed: true,
        end: { reason: 'drain-overdue', by: 'peer' },
      });
      expect(client.state).toBe('ended');
    });

    it('tells what was sent from what was not when the connection breaks', async () => {
      const calls: IncomingCall[] = [];
      const { client, server, sockets } = await open({ handle: (call) => calls.push(call) });
      const sent = failure(client.request({ method: 'POST', path: '/sent' }));
      await poll(() => calls.length).toBe(1);
      const gathered = failure(client.request({ method: 'POST', path: '/gathered' }));
      sockets.caller.destroy();
      client.close(); // before the turn is over
      expect(await sent).toMatchObject({ reason: 'lost', mayHaveActed: true });
      expect(await gathered).toMatchObject({ reason: 'lost', mayHaveActed: false });
      await server.ended;
      expect(calls[0]?.abandoned).toBe('lost');
      calls[0]?.answer(200, []); // to nobody
      expect(calls.length).toBe(1);
    });

    it('reads nothing more from a caller that does not take its answers, and goes on when it does', async () => {
      let handled = 0;
      const { client, sockets } = await open({
        handle: (call) => {
          handled++;
          call.answer(200, [], Buffer.alloc(200_000, call.path));
        },
      });
      const get = (n: number) => client.request({ method: 'GET', path: `/${n}` });
      sockets.caller.pause();
      const first = Array.from({ length: 100 }, (_, n) => get(n));
      await poll(() => handled).toBe(100);
      await poll(() => sockets.answerer.isPaused()).toBe(true);
      const more = Array.from({ length: 100 }, (_, n) => get(100 + n));
      await poll(() => client.gauges.unsentBytes).toBe(0); // they are on their way
      expect(handled).toBe(100);
      sockets.caller.resume();
      const answers = await Promise.all([...first, ...more]);
      answers.forEach(({ body }, n) => {
        expect(body.equals(Buffer.alloc(200_000, `/${n}`))).toBe(true);
      });
      expect(handled).toBe(200);
    });

    it('drains only when the last answer has left, however large it is', async () => {
      const limits = { maxBodyBytes: 8_000_000 };
      const body = Buffer.alloc(8_000_000, 'end');
      const { client, server, sockets } = await open({ handle: (call) => call.answer(200, [], body) }, { limits });
      const answered = client.request({ method: 'GET', path: '/' });
      expect(await server.drain(10_000)).toMatchObject({ reason: 'drained', by: 'us' });
      expect(sockets.answerer.destroyed).toBe(true);
      expect((await answered).body.equals(body)).toBe(true);
    });
  });
}

describe('A link over TLS', () => {
  it('is never opened by somebody whose certificate is of another authority, or who has none', async () => {
    const authority = createAuthority('right root');
    const stranger = identityOf(createAuthority('other root').issue(['spiffe://test/caller']));
    const server = createServer({
      ...identityOf(authority.issue(['localhost', 'spiffe://test/answerer'])),
      ...{ ca: authority.certificate, requestCert: true, minVersion: 'TLSv1.3' },
    }).on('tlsClientError', () => undefined);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    for (const identity of [stranger, {}]) {
      const socket = connect({
        port,
        host: '127.0.0.1',
        servername: 'localhost',
        ca: authority.certificate,
        ...identity,
      });
      const refused = await failure(openLink(socket));
      expect(refused).toMatchObject({ reason: 'closed', mayHaveActed: false, end: { by: 'network' } });
      expect(refused.end?.detail).toContain('does it accept our certificate?');
    }
  });
});
