import { AsyncLocalStorage } from 'node:async_hooks';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OutgoingRequest } from './calling-link.ts';
import type { IncomingCall } from './incoming-call.ts';
import { LinkFailure } from './link-failure.ts';
import { LocalLink, type LocalLinkOptions } from './local-link.ts';
import type { Ticket } from './places.ts';

type Heard = { answer: [status: number, headers: string[], body: string] } | { failure: string; mayHaveActed: boolean };

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const GET: OutgoingRequest = {
  ...{ method: 'GET', path: '/', headers: [], body: null },
  deadlineMs: Number.POSITIVE_INFINITY,
};

function open(options: Partial<LocalLinkOptions> = {}) {
  const calls: IncomingCall[] = [];
  const faults: unknown[] = [];
  const link = new LocalLink({
    handle: (call) => calls.push(call),
    onFault: (fault) => faults.push(fault),
    ...options,
  });
  const send = (request: Partial<OutgoingRequest> = {}) => {
    const heard: Heard[] = [];
    const begun = link.send(
      { ...GET, ...request },
      {
        onAnswer: (status, headers, body) => heard.push({ answer: [status, headers, body.toString()] }),
        onFailure: ({ reason, mayHaveActed }) => heard.push({ failure: reason, mayHaveActed }),
      },
    );
    return { begun, heard };
  };
  const ticketOf = (begun: Ticket | LinkFailure): Ticket => {
    if (begun instanceof LinkFailure) throw begun;
    return begun;
  };
  return { link, calls, faults, send, ticketOf };
}

describe('A link within one process', () => {
  it('brings a request and its answer as they were given, a turn later each', async () => {
    const { calls, send } = open();
    const { heard } = send({
      method: 'POST',
      path: '/v1/things?limit=2',
      headers: ['a', 'caf\u00e9'],
      body: '{"name":"☕"}',
    });
    expect(calls).toEqual([]);
    await turn();
    const [call] = calls;
    expect(call).toMatchObject({ method: 'POST', path: '/v1/things?limit=2', headers: ['a', 'caf\u00e9'] });
    expect(call?.body.toString()).toBe('{"name":"☕"}');
    call?.answer(201, ['b', 'c'], '{"id":1}');
    expect(heard).toEqual([]);
    await turn();
    expect(heard).toEqual([{ answer: [201, ['b', 'c'], '{"id":1}'] }]);
  });

  it('hands over copies: what one side changes afterwards, the other does not see', async () => {
    const { calls, send } = open();
    const headers = ['a', 'b'];
    const body = Buffer.from('before');
    const { heard } = send({ headers, body });
    headers[1] = 'changed';
    body.fill('x');
    await turn();
    const [call] = calls;
    expect([call?.headers, call?.body.toString()]).toEqual([['a', 'b'], 'before']);
    const answer = Buffer.from('answer');
    call?.answer(200, headers, answer);
    headers[1] = 'changed again';
    answer.fill('x');
    await turn();
    expect(heard).toEqual([{ answer: [200, ['a', 'changed'], 'answer'] }]);
  });

  it('carries nothing of the context of either side to the other', async () => {
    const context = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const { send, link } = open({
      handle: (call) => {
        seen.push(context.getStore());
        if (call.path !== '/unanswered') context.run('the handler’s', () => setImmediate(() => call.answer(200, [])));
      },
    });
    const heardIn: unknown[] = [];
    const listen = () => void heardIn.push(context.getStore());
    context.run('the caller’s', () => {
      send();
      link.send(GET, { onAnswer: listen, onFailure: listen });
      // The deadline of the one is watched by a timer that the other may have set.
      link.send({ ...GET, path: '/unanswered', deadlineMs: Date.now() + 50 }, { onAnswer: listen, onFailure: listen });
    });
    await expect.poll(() => heardIn).toEqual([undefined, undefined]);
    expect(new Set(seen)).toEqual(new Set([undefined]));
  });

  it('refuses what no request and no answer can be, as a link would', async () => {
    const { calls, send } = open();
    expect(() => send({ path: 'no-slash' })).toThrow(TypeError);
    expect(() => send({ headers: ['Upper', 'x'] })).toThrow(TypeError);
    expect(() => send({ headers: ['x', 'a\r\nb: c'] })).toThrow(TypeError);
    expect(() => send({ deadlineMs: Number.NaN })).toThrow(TypeError);
    const { heard } = send();
    await turn();
    expect(() => calls[0]?.answer(99, [])).toThrow(TypeError);
    expect(() => calls[0]?.answer(200, ['x', '\n'])).toThrow(TypeError);
    calls[0]?.answer(204, []);
    expect(() => calls[0]?.answer(204, [])).toThrow('last word');
    await turn();
    expect(heard).toHaveLength(1);
  });

  it('ends a call at its deadline and tells the handler; its place is free when the handler is done', async () => {
    const { link, calls, send } = open({ window: 1 });
    const { heard } = send({ deadlineMs: Date.now() + 200 });
    await expect.poll(() => heard).toEqual([{ failure: 'deadline', mayHaveActed: true }]);
    expect(calls[0]?.abandoned).toBe('deadline');
    expect(calls[0]?.signal.aborted).toBe(true);
    expect(link.hasRoom).toBe(false);
    expect(send().begun).toMatchObject({ reason: 'busy', mayHaveActed: false });
    calls[0]?.answer(200, []);
    await turn();
    expect(heard).toHaveLength(1);
    expect(link.hasRoom).toBe(true);
    expect(send({ deadlineMs: Date.now() - 1 }).begun).toMatchObject({ reason: 'deadline', mayHaveActed: false });
  });

  it('cancels: nobody sees what was not delivered, the handler hears of the rest, the listener of nothing', async () => {
    const { link, calls, send, ticketOf } = open();
    const early = send();
    expect(link.cancel(ticketOf(early.begun))).toBe(true);
    expect(link.cancel(ticketOf(early.begun))).toBe(false);
    const late = send();
    await turn();
    expect(calls).toHaveLength(1);
    expect(link.inFlight).toBe(1);
    expect(link.cancel(ticketOf(late.begun))).toBe(true);
    expect(calls[0]?.abandoned).toBe('cancelled');
    calls[0]?.answer(200, []);
    const crossed = send();
    await turn();
    calls[1]?.answer(200, []);
    // Answered, and not told yet: still the caller's to give up.
    expect(link.cancel(ticketOf(crossed.begun))).toBe(true);
    await turn();
    expect([early.heard, late.heard, crossed.heard, link.inFlight]).toEqual([[], [], [], 0]);
  });

  it('says what became of a call whose handler broke, and keeps what it threw to itself', async () => {
    const fault = new Error('a bug');
    const { faults, send } = open({
      handle: (call) => {
        if (call.path === '/throws') throw fault;
        if (call.path === '/refuses') call.refuse();
        else call.fail();
      },
    });
    const [thrown, refused, failed] = ['/throws', '/refuses', '/fails'].map((path) => send({ path }));
    await turn();
    await turn();
    expect(thrown?.heard).toEqual([{ failure: 'failed', mayHaveActed: true }]);
    expect(refused?.heard).toEqual([{ failure: 'busy', mayHaveActed: false }]);
    expect(failed?.heard).toEqual([{ failure: 'failed', mayHaveActed: true }]);
    expect(faults).toEqual([fault]);
  });

  it('drains: begins nothing more, and ends when the last one is answered', async () => {
    const { link, calls, send } = open();
    const { heard } = send();
    await turn();
    let isDrained = false;
    const draining = link.drain(60_000).then(() => {
      isDrained = true;
    });
    expect(link.hasRoom).toBe(false);
    expect(send().begun).toMatchObject({ reason: 'draining', mayHaveActed: false });
    await turn();
    expect(isDrained).toBe(false);
    calls[0]?.answer(200, []);
    await draining;
    expect(heard).toHaveLength(1);
    expect(send().begun).toMatchObject({ reason: 'closed', mayHaveActed: false });
  });

  it('ends at once when it is closed: what was seen may have been done, what was not was not', async () => {
    const { link, calls, send } = open();
    const seen = send();
    const answered = send();
    await turn();
    calls[1]?.answer(200, []);
    const unseen = send();
    const draining = link.drain(1);
    await draining;
    expect(seen.heard).toEqual([{ failure: 'lost', mayHaveActed: true }]);
    expect(answered.heard).toMatchObject([{ answer: [200, [], ''] }]);
    // It was delivered before the drain ran out.
    expect(unseen.heard).toEqual([{ failure: 'lost', mayHaveActed: true }]);
    calls[0]?.answer(200, []);
    const other = open();
    const never = other.send();
    other.link.close();
    await turn();
    expect(never.heard).toEqual([{ failure: 'lost', mayHaveActed: false }]);
    expect([seen.heard, other.calls]).toEqual([[expect.anything()], []]);
  });

  it('for any history gives every call its own last word or none, and every place back once', async () => {
    const step = fc.record({
      kind: fc.constantFrom('send', 'send', 'send', 'answer', 'answer', 'refuse', 'cancel', 'turn', 'turn'),
      index: fc.nat(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80 }), fc.integer({ min: 1, max: 4 }), async (steps, window) => {
        const { link, calls, send, ticketOf } = open({ window });
        const sent: { id: number; ticket: Ticket; heard: Heard[]; isCancelled: boolean }[] = [];
        const begin = () => {
          const { hasRoom } = link;
          const id = sent.length;
          const { begun, heard } = send({ path: `/${id}` });
          expect(begun instanceof LinkFailure).toBe(!hasRoom);
          if (!(begun instanceof LinkFailure)) sent.push({ id, ticket: ticketOf(begun), heard, isCancelled: false });
        };
        const finish = (index: number, isRefused: boolean) => {
          const [call] = calls.length === 0 ? [] : calls.splice(index % calls.length, 1);
          if (isRefused) call?.refuse();
          else call?.answer(200, [], call.path.slice(1));
        };
        for (const { kind, index } of steps) {
          if (kind === 'send') begin();
          else if (kind === 'turn') await turn();
          else if (kind !== 'cancel') finish(index, kind === 'refuse');
          else {
            const one = sent[index % Math.max(1, sent.length)];
            if (one === undefined) continue;
            const waits = one.heard.length === 0 && !one.isCancelled;
            expect(link.cancel(one.ticket)).toBe(waits);
            one.isCancelled ||= waits;
          }
          expect(link.inFlight).toBeLessThanOrEqual(window);
        }
        while (link.inFlight > 0) {
          while (calls.length > 0) finish(0, false);
          await turn();
        }
        for (const { id, heard, isCancelled } of sent) {
          expect(heard).toHaveLength(isCancelled ? 0 : 1);
          const [word] = heard;
          if (word !== undefined && 'answer' in word) expect(word.answer[2]).toBe(String(id));
        }
        for (let place = 0; place < window; place++) begin();
        expect(link.hasRoom).toBe(false);
      }),
      { numRuns: 200 },
    );
  });
});
