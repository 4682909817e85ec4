import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AnsweringLink } from './answering-link.ts';
import { CallingLink } from './calling-link.ts';
import { KIND } from './frame.ts';
import type { IncomingCall } from './incoming-call.ts';
import type { EndReason } from './link-end.ts';
import type { LinkFailure } from './link-failure.ts';
import { openLink } from './open-link.ts';
import { serveLink } from './serve-link.ts';
import { poll } from './test/poll.ts';
import { answerPayload, closeReasonIn, converse, frame, hello, requestPayload } from './test/raw-peer.ts';
import { type Loopback, openPlainLoopback } from './test/socket-pair.ts';

let loopback: Loopback;
beforeAll(async () => {
  loopback = await openPlainLoopback();
});
afterAll(() => loopback.close());

const get = (slot: number, generation: number, payload = requestPayload()): Buffer =>
  frame(KIND.request, payload, slot, generation);
const with_ = (fields: Parameters<typeof requestPayload>[0]): Buffer => get(0, 1, requestPayload(fields));
const ok = (slot: number, generation: number): Buffer => frame(KIND.answer, answerPayload(200), slot, generation);
const header = (name: string, value: string) => ({ lengths: [name.length, value.length], text: `/${name}${value}` });

describe('The end that answers ends the link, with a name for it, when a caller', () => {
  const speaks = hello({ role: 1 });
  const cases: readonly (readonly [string, EndReason, readonly Uint8Array[]])[] = [
    ['speaks HTTP', 'not-a-link', [Buffer.from('GET / HTTP/1.1\r\nhost: here\r\n\r\n')]],
    ['speaks TLS', 'not-a-link', [Buffer.from('16030100a5010000a10303', 'hex'), Buffer.alloc(160)]],
    ['calls before it has introduced itself', 'not-a-link', [get(0, 1)]],
    ['introduces itself with another magic', 'not-a-link', [frame(KIND.hello, Buffer.alloc(20))]],
    ['knows only versions to come', 'no-common-version', [hello({ versions: [2, 9] })]],
    ['knows versions from nine to two', 'no-common-version', [hello({ versions: [9, 2] })]],
    ['wants to answer as well', 'unexpected-frame', [hello({ role: 2 })]],
    ['takes no head at all', 'malformed-hello', [hello({ head: 0 })]],
    ['takes bodies of four gigabytes', 'malformed-hello', [hello({ body: 0xffff_ffff })]],
    ['grants us a window', 'malformed-hello', [hello({ window: 5 })]],
    ['introduces itself twice', 'unexpected-frame', [speaks, speaks]],
    ['introduces itself at length', 'not-a-link', [hello({}, new Uint8Array(300))]],
    ['announces a frame of four gigabytes', 'frame-too-large', [speaks, Buffer.alloc(12, 0xff)]],
    ['sends a frame that there is not', 'unknown-frame', [speaks, frame(11)]],
    ['sends frame 0', 'unknown-frame', [speaks, frame(0)]],
    ['uses the reserved byte', 'malformed-frame', [speaks, Buffer.from([0, 0, 0, 0, 6, 1, 0, 0, 0, 0, 0, 0])]],
    ['answers', 'unexpected-frame', [speaks, ok(0, 1)]],
    ['drains the end that answers', 'unexpected-frame', [speaks, frame(KIND.drain)]],
    ['calls after its last call', 'unexpected-frame', [speaks, get(0, 1), frame(KIND.last), get(1, 1)]],
    ['says twice that it was the last', 'unexpected-frame', [speaks, get(0, 1), frame(KIND.last), frame(KIND.last)]],
    ['leaves the window', 'window-exceeded', [speaks, get(4, 1)]],
    ['leaves slots out', 'out-of-order', [speaks, get(2, 1)]],
    ['calls in a slot that is taken', 'slot-taken', [speaks, get(0, 1), get(0, 2)]],
    ['begins with a later generation', 'out-of-order', [speaks, get(0, 2)]],
    ['cancels a call that was never made', 'unknown-call', [speaks, frame(KIND.cancel, undefined, 0, 1)]],
    ['cancels a later call', 'unknown-call', [speaks, get(0, 1), frame(KIND.cancel, undefined, 0, 2)]],
    ['cancels with a payload', 'malformed-frame', [speaks, get(0, 1), frame(KIND.cancel, Buffer.alloc(1), 0, 1)]],
    ['sends half a request', 'malformed-frame', [speaks, get(0, 1, Buffer.alloc(15))]],
    ['uses a method that there is not', 'malformed-frame', [speaks, with_({ method: 7 })]],
    ['announces a head longer than its frame', 'malformed-frame', [speaks, with_({ textBytes: 2 })]],
    ['announces headers that are not there', 'malformed-frame', [speaks, with_({ headers: 2 })]],
    ['announces 4 GB of head', 'head-too-large', [speaks, with_({ textBytes: 0xffff_ffff })]],
    ['sends 300 headers', 'head-too-large', [speaks, with_({ lengths: new Array(600).fill(0) })]],
    ['sends more head than allowed', 'head-too-large', [speaks, with_({ text: `/${'x'.repeat(500)}` })]],
    ['sends more body than allowed', 'frame-too-large', [speaks, with_({ body: 'x'.repeat(1_001) })]],
    ['sends a path without a slash', 'malformed-head', [speaks, with_({ text: 'x' })]],
    ['sends no path', 'malformed-head', [speaks, with_({ pathBytes: 0 })]],
    ['sends a path longer than the text', 'malformed-head', [speaks, with_({ pathBytes: 9 })]],
    ['sends a blank in the path', 'malformed-head', [speaks, with_({ text: '/a b', pathBytes: 4 })]],
    ['smuggles a line into a header', 'malformed-head', [speaks, with_(header('x-a', '1\r\nx-b: 2'))]],
    ['sends a name in upper case', 'malformed-head', [speaks, with_(header('X-A', '1'))]],
    ['sends a header without a name', 'malformed-head', [speaks, with_(header('', '1'))]],
    ['leaves text over', 'malformed-head', [speaks, with_({ ...header('x-a', '1'), text: '/x-a1!' })]],
    ['pings without end', 'ping-flood', [speaks, ...new Array(65).fill(frame(KIND.ping, Buffer.alloc(4)))]],
    ['pings without a number', 'malformed-frame', [speaks, frame(KIND.ping)]],
    ['answers a ping that was none', 'unexpected-frame', [speaks, frame(KIND.pong, Buffer.alloc(4))]],
    ['names a call in a ping', 'malformed-frame', [speaks, frame(KIND.ping, Buffer.alloc(4), 1, 1)]],
  ];

  it.each(cases)('%s: %s', async (_, reason, pieces) => {
    const { caller, answerer } = await loopback.connect();
    const calls: IncomingCall[] = [];
    const server = serveLink(answerer, {
      handle: (call) => calls.push(call),
      onFault: () => expect.unreachable('no fault of ours'),
      window: 4,
      limits: { maxHeadBytes: 400, maxBodyBytes: 1_000 },
    });
    const received = await converse(caller, pieces);
    expect(await server.ended).toMatchObject({ reason, by: 'us' });
    expect(closeReasonIn(received)).toBe(reason);
    for (const call of calls) {
      expect(call.abandoned).toBe('lost');
      call.answer(200, []); // as if nothing had happened
    }
  });

  it('closes, and in the same breath calls: nobody is called any more', async () => {
    const { caller, answerer } = await loopback.connect();
    const server = serveLink(answerer, {
      handle: () => expect.unreachable('it has closed the link'),
      onFault: () => expect.unreachable('no fault of ours'),
    });
    await converse(caller, [Buffer.concat([speaks, frame(KIND.close, Buffer.from([0, 3])), get(0, 1)])]);
    expect(await server.ended).toMatchObject({ reason: 'going-away', by: 'peer' });
    expect(server.inFlight).toBe(0);
  });

  it('breaks off within a frame: truncated', async () => {
    const { caller, answerer } = await loopback.connect();
    const server = serveLink(answerer, { handle: () => undefined, onFault: () => undefined });
    caller.end(Buffer.concat([speaks, get(0, 1).subarray(0, 14)]));
    expect(await server.ended).toMatchObject({ reason: 'truncated', by: 'network' });
  });

  it('says nothing: hello-too-late', async () => {
    const { caller, answerer } = await loopback.connect();
    const server = serveLink(answerer, { handle: () => undefined, onFault: () => undefined, helloWithinMs: 20 });
    expect(closeReasonIn(await converse(caller, []))).toBe('hello-too-late');
    expect(await server.ended).toMatchObject({ reason: 'hello-too-late', by: 'us' });
  });

  it('falls silent and does not answer pings: silent', async () => {
    const { caller, answerer } = await loopback.connect();
    const server = serveLink(answerer, { handle: () => undefined, onFault: () => undefined, pingAfterMs: 20 });
    expect(closeReasonIn(await converse(caller, [speaks]))).toBe('silent');
    expect(await server.ended).toMatchObject({ reason: 'silent', by: 'us' });
  });

  it('does not read what it asks for: it is not read from any more, and then stalled', async () => {
    const { caller, answerer } = await loopback.connect();
    const body = 'x'.repeat(262_144);
    const server: AnsweringLink = serveLink(answerer, {
      handle: (call) => call.answer(200, [], body),
      onFault: () => undefined,
      pingAfterMs: 100,
    });
    caller.pause();
    caller.write(speaks);
    for (let slot = 0; slot < 200; slot++) caller.write(get(slot, 1));
    expect(await server.ended).toMatchObject({ reason: 'stalled', by: 'us' });
    caller.destroy();
  });
});

describe('The end that calls ends the link, and fails what was under way honestly, when the peer', () => {
  const speaks = hello({ role: 2, window: 4 });
  const cases: readonly (readonly [string, EndReason, readonly Uint8Array[]])[] = [
    ['answers a call that was never made', 'unknown-call', [ok(3, 1)]],
    ['answers with a generation to come', 'unknown-call', [ok(0, 2)]],
    ['answers with a generation gone by', 'unknown-call', [ok(0, 0)]],
    ['answers twice', 'unknown-call', [ok(1, 1), ok(1, 1)]],
    ['answers and then refuses', 'unknown-call', [ok(1, 1), frame(KIND.refusal, Buffer.from([4, 1]), 1, 1)]],
    ['answers with half a head', 'malformed-frame', [frame(KIND.answer, Buffer.alloc(7), 0, 1)]],
    ['answers with status 0', 'malformed-frame', [frame(KIND.answer, answerPayload(0), 0, 1)]],
    ['answers with status 100', 'malformed-frame', [frame(KIND.answer, answerPayload(100), 0, 1)]],
    ['announces text that is not there', 'malformed-frame', [frame(KIND.answer, answerPayload(200, 0, 9), 0, 1)]],
    ['leaves text over', 'malformed-head', [frame(KIND.answer, answerPayload(200, 0, 2, 'ab'), 0, 1)]],
    ['announces too much', 'head-too-large', [frame(KIND.answer, answerPayload(200, 0, 99_999), 0, 1)]],
    ['refuses without a reason', 'malformed-frame', [frame(KIND.refusal, undefined, 0, 1)]],
    ['refuses for an unknown reason', 'malformed-frame', [frame(KIND.refusal, Buffer.from([5, 0]), 0, 1)]],
    ['refuses and half acted', 'malformed-frame', [frame(KIND.refusal, Buffer.from([0, 2]), 0, 1)]],
    ['calls', 'unexpected-frame', [get(0, 1)]],
    ['cancels', 'unexpected-frame', [frame(KIND.cancel, undefined, 0, 1)]],
    ['says that it was its last call', 'unexpected-frame', [frame(KIND.last)]],
    ['drains with a payload', 'malformed-frame', [frame(KIND.drain, Buffer.alloc(1))]],
    ['closes at length', 'malformed-frame', [frame(KIND.close, Buffer.alloc(3))]],
    ['introduces itself again', 'unexpected-frame', [speaks]],
  ];

  it.each(cases)('%s: %s', async (_, reason, pieces) => {
    const { caller, answerer } = await loopback.connect();
    const opening = openLink(caller);
    answerer.write(speaks);
    const link = await opening;
    const failures: LinkFailure[] = [];
    const answers: number[] = [];
    const calls = [0, 1].map((slot) =>
      link.request({ method: 'POST', path: `/${slot}` }).then(
        ({ status }) => answers.push(status),
        (failure: LinkFailure) => failures.push(failure),
      ),
    );
    await new Promise((resolve) => setImmediate(resolve)); // both have left
    const received = await converse(answerer, pieces);
    expect(await link.ended).toMatchObject({ reason, by: 'us' });
    expect(closeReasonIn(received)).toBe(reason);
    await Promise.all(calls);
    expect(failures.length + answers.length).toBe(2);
    for (const failure of failures) expect(failure).toMatchObject({ reason: 'lost', mayHaveActed: true });
    expect(link.gauges).toMatchObject({ inFlight: 0, abandoned: 0 });
  });

  it.each([
    ['speaks HTTP', 'not-a-link', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['grants nothing', 'malformed-hello', hello({ role: 2, window: 0 })],
    ['grants more slots than there are', 'malformed-hello', hello({ role: 2, window: 65_537 })],
    ['wants to call as well', 'unexpected-frame', hello({ role: 1 })],
    ['knows only versions to come', 'no-common-version', hello({ role: 2, versions: [2, 2] })],
  ] as const)('%s: it is never opened', async (_, reason, said) => {
    const { caller, answerer } = await loopback.connect();
    const opening = openLink(caller).catch((failure: LinkFailure) => failure);
    await converse(answerer, [said]);
    expect(await opening).toMatchObject({ reason: 'closed', mayHaveActed: false, end: { reason, by: 'us' } });
  });

  it('ends the connection before it has said anything: it is never opened', async () => {
    const { caller, answerer } = await loopback.connect();
    const opening = openLink(caller).catch((failure: LinkFailure) => failure);
    answerer.end();
    expect(await opening).toMatchObject({ reason: 'closed', end: { reason: 'connection-lost', by: 'network' } });
  });

  it('closes for a reason that only later versions know: unexplained', async () => {
    const { caller, answerer } = await loopback.connect();
    const link = new CallingLink(caller, {});
    await converse(answerer, [speaks, frame(KIND.close, Buffer.from([0x7f, 0xff]))]);
    expect(await link.ended).toMatchObject({ reason: 'unexplained', by: 'peer' });
  });

  it('appends to its HELLO what only later versions know: that is no violation', async () => {
    const { caller, answerer } = await loopback.connect();
    answerer.write(hello({ role: 2, versions: [1, 7] }, Buffer.from('more')));
    const link = await openLink(caller);
    expect(link.state).toBe('open');
    link.close();
  });

  it('is alive but idle: it is pinged, and the link stays', async () => {
    const { caller, answerer } = await loopback.connect();
    const server = serveLink(answerer, { handle: (call) => call.answer(200, []), onFault: () => undefined });
    const link = await openLink(caller, { pingAfterMs: 250 });
    const before = link.gauges.framesWritten;
    await poll(() => link.gauges.framesWritten - before).toBeGreaterThanOrEqual(2);
    expect(link.state).toBe('open');
    expect((await link.request({ method: 'GET', path: '/' })).status).toBe(200);
    link.close();
    await server.ended;
  });
});
