import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LinkAnswer } from './answer-frame.ts';
import { answerWith } from './answer-with.ts';
import type { AnsweringLinkOptions } from './answering-link.ts';
import type { CallingLinkOptions } from './calling-link.ts';
import type { IncomingCall } from './incoming-call.ts';
import { echo, failure, openPair } from './test/open-pair.ts';
import { poll } from './test/poll.ts';
import { type Loopback, openPlainLoopback, openTlsLoopback } from './test/socket-pair.ts';

for (const [name, openLoopback] of [
  ['plain', openPlainLoopback],
  ['mutual TLS', openTlsLoopback],
] as const) {
  describe(`A link over a ${name} socket`, () => {
    let loopback: Loopback;
    beforeAll(async () => {
      loopback = await openLoopback();
    });
    afterAll(() => loopback.close());

    const open = (serving?: Partial<AnsweringLinkOptions>, calling?: CallingLinkOptions) =>
      openPair(loopback, serving, calling);

    it('brings a request and its answer as they were given', async () => {
      const { client } = await open();
      const answer = await client.request({
        method: 'POST',
        path: '/v1/things?limit=2',
        headers: [
          'content-type',
          'application/json',
          'tenantry-passport',
          'a.b.c',
          'x-latin',
          'caf\u00e9',
          'x-empty',
          '',
        ],
        body: '{"name":"Kopi ☕"}',
      });
      expect(answer.status).toBe(200);
      expect(answer.headers).toEqual([
        ...['x-method', 'POST', 'x-path', '/v1/things?limit=2', 'content-type', 'application/json'],
        ...['tenantry-passport', 'a.b.c', 'x-latin', 'caf\u00e9', 'x-empty', ''],
      ]);
      expect(answer.body.toString()).toBe('{"name":"Kopi ☕"}');
    });

    it('answers a later call before an earlier one that takes longer', async () => {
      const held: IncomingCall[] = [];
      const { client } = await open({ handle: (call) => (call.path === '/slow' ? held.push(call) : echo(call)) });
      const slow = client.request({ method: 'GET', path: '/slow' });
      expect((await client.request({ method: 'GET', path: '/quick' })).status).toBe(200);
      held[0]?.answer(204, []);
      expect((await slow).status).toBe(204);
    });

    it('carries all calls of one turn in one write, and their answers too', async () => {
      const { client } = await open();
      const before = client.gauges;
      const get = (n: number) => client.request({ method: 'GET', path: `/${n}` });
      const calls = Array.from({ length: 49 }, (_, n) => get(n));
      // Another callback, but the same turn.
      const later = new Promise<LinkAnswer>((resolve) => process.nextTick(() => resolve(get(49))));
      const answers = await Promise.all([...calls, later]);
      answers.forEach(({ headers }, n) => {
        expect(headers).toContain(`/${n}`);
      });
      const after = client.gauges;
      expect(after.framesWritten - before.framesWritten).toBe(50);
      expect(after.writes - before.writes).toBe(1);
      expect(after.inFlight).toBe(0);
    });

    it('tells the handler how much time is left, and aborts it when nobody waits any more', async () => {
      const calls: IncomingCall[] = [];
      const { client, server } = await open({ handle: (call) => calls.push(call) });
      const deadlineMs = Date.now() + 60;
      const refused = failure(client.request({ method: 'POST', path: '/', deadlineMs }));
      const { reason, mayHaveActed } = await refused;
      expect({ reason, mayHaveActed }).toEqual({ reason: 'deadline', mayHaveActed: true });
      await poll(() => calls.length).toBe(1);
      const [call] = calls;
      expect(call?.deadlineMs).toBeGreaterThan(deadlineMs - 60);
      expect(call?.deadlineMs).toBeLessThan(deadlineMs + 5_000);
      await poll(() => call?.signal.aborted).toBe(true);
      // The work may still go on, so its place is not free before it says so.
      expect(client.gauges).toMatchObject({ inFlight: 1, abandoned: 1 });
      expect(server.inFlight).toBe(1);
      call?.answer(200, []);
      await poll(() => client.gauges).toMatchObject({ inFlight: 0, abandoned: 0 });
    });

    it('ends every call at its own deadline, and tells its handler', async () => {
      const calls: IncomingCall[] = [];
      const { client } = await open({ handle: (call) => calls.push(call) });
      const ended: string[] = [];
      const get = (path: string, withinMs: number) =>
        failure(client.request({ method: 'GET', path, deadlineMs: Date.now() + withinMs })).then(({ reason }) =>
          ended.push(`${path} ${reason}`),
        );
      await Promise.all([get('/third', 120), get('/first', 30), get('/second', 70)]);
      expect(ended.toSorted()).toEqual(['/first deadline', '/second deadline', '/third deadline']);
      await poll(() => calls.map(({ abandoned }) => abandoned !== null)).toEqual([true, true, true]);
    });

    it('tells a call once how it ended, also when the first of many that are due closes the link', async () => {
      const { client } = await open({ handle: () => undefined });
      const told: string[] = [];
      const due = { method: 'GET', path: '/', headers: [], body: null, deadlineMs: Date.now() + 100 } as const;
      for (let index = 0; index < 3; index++) {
        client.send(due, {
          onAnswer: () => expect.unreachable('nobody answers'),
          onFailure: ({ reason }) => {
            told.push(reason);
            client.close();
          },
        });
      }
      await client.ended;
      expect(told).toEqual(['deadline', 'lost', 'lost']);
    });

    it('does not send what is too late already', async () => {
      const { client } = await open();
      const { reason, mayHaveActed } = await failure(
        client.request({ method: 'POST', path: '/', deadlineMs: Date.now() - 1 }),
      );
      expect({ reason, mayHaveActed }).toEqual({ reason: 'deadline', mayHaveActed: false });
      expect(client.gauges.framesWritten).toBe(1); // the HELLO
    });

    it('tells the handler that its caller has left, and the caller nothing of the answer', async () => {
      const calls: IncomingCall[] = [];
      const { client } = await open({ handle: (call) => (call.path === '/slow' ? calls.push(call) : echo(call)) });
      const controller = new AbortController();
      const left = client.request({ method: 'GET', path: '/slow', signal: controller.signal });
      await poll(() => calls.length).toBe(1);
      let isTold = false;
      calls[0]?.signal.addEventListener('abort', () => {
        isTold = true;
      });
      const reason = new Error('left');
      controller.abort(reason);
      await expect(left).rejects.toBe(reason);
      await poll(() => calls[0]?.abandoned).toBe('cancelled');
      expect(isTold).toBe(true);
      calls[0]?.answer(200, [], 'late');
      expect((await client.request({ method: 'GET', path: '/next' })).body.toString()).toBe('');
      expect(client.gauges.inFlight).toBe(0);
    });

    it('refuses what is over the window at once, and takes it again when an answer came', async () => {
      const calls: IncomingCall[] = [];
      const { client } = await open({ window: 2, handle: (call) => calls.push(call) });
      const first = client.request({ method: 'GET', path: '/1' });
      const second = client.request({ method: 'GET', path: '/2' });
      expect(client.hasRoom).toBe(false);
      const { reason, mayHaveActed } = await failure(client.request({ method: 'GET', path: '/3' }));
      expect({ reason, mayHaveActed }).toEqual({ reason: 'busy', mayHaveActed: false });
      await poll(() => calls.length).toBe(2);
      calls[1]?.answer(200, []);
      await second;
      expect(client.hasRoom).toBe(true);
      const third = client.request({ method: 'GET', path: '/3' });
      await poll(() => calls.length).toBe(3);
      for (const call of [calls[0], calls[2]]) call?.answer(200, []);
      await Promise.all([first, third]);
    });

    it('leaves to HTTP what is too large: a request that never went, an answer to what was done', async () => {
      const limits = { maxBodyBytes: 1_000, maxHeadBytes: 200 };
      const { client } = await open(
        { limits, handle: (call) => call.answer(200, [], 'x'.repeat(Number(call.path.slice(1)))) },
        { limits: { maxBodyBytes: 2_000 } },
      );
      const over = [
        client.request({ method: 'POST', path: '/1', body: 'x'.repeat(1_001) }),
        client.request({ method: 'POST', path: '/1', headers: ['x-long', 'x'.repeat(200)] }),
      ];
      for (const each of over) {
        const { reason, mayHaveActed } = await failure(each);
        expect({ reason, mayHaveActed }).toEqual({ reason: 'too-large', mayHaveActed: false });
      }
      const { reason, mayHaveActed } = await failure(client.request({ method: 'GET', path: '/2001' }));
      expect({ reason, mayHaveActed }).toEqual({ reason: 'too-large', mayHaveActed: true });
      const just = { method: 'POST', path: '/2000', body: 'x'.repeat(1_000) } as const;
      expect((await client.request(just)).body.length).toBe(2_000);
    });

    it('carries bodies as large as its limits allow, whole, beside small ones', async () => {
      const limits = { maxBodyBytes: 4_000_000 };
      const { client } = await open({ limits }, { limits });
      const body = Buffer.alloc(3_000_000, 'abcdefg');
      const large = client.request({ method: 'PUT', path: '/large', body });
      const small = client.request({ method: 'PUT', path: '/small', body: 'small' });
      expect((await large).body.equals(body)).toBe(true);
      expect((await small).body.toString()).toBe('small');
    });

    it('refuses more than a peer may make it hold, and says that nothing was done', async () => {
      const calls: IncomingCall[] = [];
      const { client } = await open({ maxHeldBytes: 10_000, handle: (call) => calls.push(call) });
      const put = () => client.request({ method: 'PUT', path: '/', body: 'x'.repeat(6_000) });
      const [first, second] = [put(), failure(put())];
      const { reason, mayHaveActed } = await second;
      expect({ reason, mayHaveActed }).toEqual({ reason: 'busy', mayHaveActed: false });
      expect(calls.length).toBe(1);
      calls[0]?.answer(200, []);
      await first;
      // What was answered, or refused, holds nothing any more.
      for (let round = 0; round < 5; round++) {
        calls.length = 0;
        const pair = [put(), client.request({ method: 'PUT', path: '/', body: 'x'.repeat(3_000) })];
        await poll(() => calls.length).toBe(2);
        for (const call of calls) call.answer(200, []);
        await Promise.all(pair);
      }
    });

    it('says when a handler breaks, and goes on', async () => {
      const { client, faults } = await open({
        handle: (call) => {
          if (call.path === '/breaks') throw new Error('a bug');
          echo(call);
        },
      });
      const { reason, mayHaveActed } = await failure(client.request({ method: 'POST', path: '/breaks' }));
      expect({ reason, mayHaveActed }).toEqual({ reason: 'failed', mayHaveActed: true });
      expect(faults).toEqual([new Error('a bug')]);
      expect((await client.request({ method: 'GET', path: '/' })).status).toBe(200);
    });

    it('lets a handler answer with a promise, and refuse what it has not begun', async () => {
      const faults: unknown[] = [];
      const { client } = await open({
        handle: (call) =>
          call.path === '/busy'
            ? call.refuse()
            : answerWith(
                async ({ path }) => {
                  if (path === '/breaks') throw new Error('a bug');
                  return { status: 201, body: path };
                },
                (fault) => faults.push(fault),
              )(call),
      });
      expect((await client.request({ method: 'GET', path: '/a' })).body.toString()).toBe('/a');
      expect(await failure(client.request({ method: 'GET', path: '/breaks' }))).toMatchObject({ reason: 'failed' });
      expect(faults).toEqual([new Error('a bug')]);
      const refused = await failure(client.request({ method: 'POST', path: '/busy' }));
      expect(refused).toMatchObject({ reason: 'busy', mayHaveActed: false });
    });

    it('throws for what no answer can be, and the call still waits for one', async () => {
      const { client } = await open({
        handle: (call) => {
          expect(() => call.answer(99, [])).toThrow(TypeError);
          expect(() => call.answer(200, ['Upper', 'case'])).toThrow(TypeError);
          expect(() => call.answer(200, ['x-a', 'two\nlines'])).toThrow(TypeError);
          call.answer(200, [], 'right');
          expect(() => call.answer(200, [])).toThrow('last word');
        },
      });
      expect((await client.request({ method: 'GET', path: '/' })).body.toString()).toBe('right');
    });

    it('keeps what a listener throws away from the calls of others', async () => {
      const { client } = await open();
      const thrown = once(process, 'uncaughtExceptionMonitor');
      const listeners = process.listeners('uncaughtException');
      process.removeAllListeners('uncaughtException').once('uncaughtException', () => undefined);
      const bad = {
        method: 'GET',
        path: '/bad',
        headers: [],
        body: null,
        deadlineMs: Number.POSITIVE_INFINITY,
      } as const;
      client.send(bad, {
        onAnswer: () => {
          throw new Error('a bug of a caller');
        },
        onFailure: () => undefined,
      });
      const good = await client.request({ method: 'GET', path: '/good' });
      expect(good.headers).toContain('/good');
      expect((await thrown)[0]).toEqual(new Error('a bug of a caller'));
      for (const listener of listeners) process.on('uncaughtException', listener);
    });

    it('throws for what no request can be, and carries on', async () => {
      const { client } = await open();
      const wrong = [
        { method: 'GET', path: 'no-slash' },
        { method: 'GET', path: '/a b' },
        { method: 'GET', path: '/☕' },
        { method: 'GET', path: '/', headers: ['x-a'] },
        { method: 'GET', path: '/', headers: ['X-A', 'upper case'] },
        { method: 'GET', path: '/', headers: ['', 'no name'] },
        { method: 'GET', path: '/', headers: ['x-a', 'one\r\nx-b: two'] },
        { method: 'GET', path: '/', headers: ['x-a', '☕'] },
        { method: 'GET', path: '/', deadlineMs: Number.NaN },
        { method: 'BREW' as 'GET', path: '/' },
      ] as const;
      for (const each of wrong) await expect(client.request(each)).rejects.toThrow(TypeError);
      expect(client.gauges).toMatchObject({ inFlight: 0, framesWritten: 1 });
      expect((await client.request({ method: 'GET', path: '/' })).status).toBe(200);
    });
  });
}
