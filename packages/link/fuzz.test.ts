import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AnsweringLink } from './answering-link.ts';
import { CallingLink } from './calling-link.ts';
import { KIND } from './frame.ts';
import type { IncomingCall } from './incoming-call.ts';
import type { EndReason } from './link-end.ts';
import { LinkFailure } from './link-failure.ts';
import { anyCuts, anyMutation, mutate, splitAt } from './test/arbitraries.ts';
import { answerPayload, frame, hello, requestPayload } from './test/raw-peer.ts';
import { streamPair } from './test/stream-pair.ts';

const limits = { maxHeadBytes: 500, maxBodyBytes: 1_000 };
const WINDOW = 4;

const slot = fc.integer({ min: 0, max: WINDOW });
const generation = fc.oneof(fc.constant(1), fc.integer({ min: 0, max: 3 }));
const junk = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes));
const anyFrame = fc
  .tuple(fc.integer({ min: 0, max: 12 }), junk, slot, generation)
  .map(([kind, payload, ...call]) => frame(kind, payload, ...call));

const callerFrame = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(slot, generation).map((call) => frame(KIND.request, requestPayload(), ...call)) },
  { weight: 2, arbitrary: fc.tuple(slot, generation).map((call) => frame(KIND.cancel, undefined, ...call)) },
  { weight: 1, arbitrary: fc.constantFrom(frame(KIND.last), frame(KIND.ping, Buffer.alloc(4)), frame(KIND.close)) },
  { weight: 1, arbitrary: anyFrame },
);
const answererFrame = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(slot, generation).map((call) => frame(KIND.answer, answerPayload(200), ...call)) },
  { weight: 2, arbitrary: fc.tuple(slot, generation).map((call) => frame(KIND.refusal, Buffer.from([0, 1]), ...call)) },
  { weight: 1, arbitrary: fc.constantFrom(frame(KIND.drain), frame(KIND.ping, Buffer.alloc(4)), frame(KIND.close)) },
  { weight: 1, arbitrary: anyFrame },
);

/** Bytes of a peer: nonsense, nonsense after a HELLO, or a conversation in which something is wrong. */
const bytesOf = (role: number, one: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> => {
  const introduced = hello({ role });
  return fc.oneof(
    { weight: 1, arbitrary: junk },
    { weight: 2, arbitrary: fc.array(junk).map((more) => Buffer.concat([introduced, ...more])) },
    {
      weight: 6,
      arbitrary: fc
        .tuple(fc.array(one, { maxLength: 30 }), fc.array(anyMutation, { maxLength: 4 }))
        .map(([frames, mutations]) => mutate([introduced, ...frames], mutations)),
    },
  );
};

/** Until the other side has read everything, or reads no more, and has answered it. */
async function deliver(socket: Duplex, pieces: readonly Buffer[]): Promise<void> {
  for (const piece of pieces) await new Promise<unknown>((resolve) => socket.write(piece, resolve));
  for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** A fuzzer that always fails at the door finds nothing behind it. */
const expectDepth = (reasons: ReadonlyMap<EndReason, number>): void => {
  const seen = [...reasons.keys()];
  expect(seen).toEqual(expect.arrayContaining(['not-a-link', 'unknown-call', 'malformed-frame', 'unexpected-frame']));
  expect(reasons.get('going-away') ?? 0).toBeGreaterThan(RUNS / 20); // nothing was wrong
};

/** More by hand: LINK_FUZZ_RUNS=100000. */
const RUNS = Number(process.env['LINK_FUZZ_RUNS'] ?? 3_000);

describe('Whatever a peer sends, and however it is cut', () => {
  it('the end that answers throws nothing, keeps to its window, and ends every call that it began', async () => {
    const reasons = new Map<EndReason, number>();
    await fc.assert(
      fc.asyncProperty(bytesOf(1, callerFrame), anyCuts, fc.infiniteStream(fc.nat(3)), async (bytes, cuts, choices) => {
        const [ours, theirs] = streamPair();
        const calls: IncomingCall[] = [];
        let open = 0;
        const link = new AnsweringLink(ours, {
          ...{ limits, window: WINDOW },
          handle: (call) => {
            open = link.inFlight;
            expect(open).toBeLessThanOrEqual(WINDOW);
            calls.push(call);
            const choice = choices.next().value ?? 0;
            if (choice === 0) call.answer(200, [], 'now');
            else if (choice === 1) setImmediate(() => call.answer(200, [], 'later'));
            else if (choice === 2) throw new Error('a bug');
          },
          onFault: () => undefined,
        });
        const isClosed = once(ours, 'close');
        theirs.resume().on('error', () => undefined); // it goes on writing after we have ended the link
        await deliver(theirs, splitAt(bytes, cuts));
        link.close(); // where it was not closed before
        const end = await link.ended;
        expect(end.by).not.toBe('network');
        reasons.set(end.reason, (reasons.get(end.reason) ?? 0) + 1);
        for (const call of calls) expect(call.hasEnded || call.abandoned !== null).toBe(true);
        expect(link.inFlight).toBe(0);
        theirs.destroy();
        await isClosed;
      }),
      { numRuns: RUNS },
    );
    expectDepth(reasons);
  });

  it('the end that calls throws nothing, and tells each of its calls exactly once how it ended', async () => {
    const reasons = new Map<EndReason, number>();
    await fc.assert(
      fc.asyncProperty(bytesOf(2, answererFrame), anyCuts, fc.nat(6), async (bytes, cuts, count) => {
        const [ours, theirs] = streamPair();
        const link = new CallingLink(ours, { limits });
        const isClosed = once(ours, 'close');
        theirs.resume().on('error', () => undefined); // it goes on writing after we have ended the link
        const told: number[] = [];
        const pieces = splitAt(bytes, cuts);
        const introduction = hello({ role: 2 });
        if (bytes.subarray(0, introduction.length).equals(introduction)) {
          theirs.write(introduction);
          pieces.splice(0, pieces.length, ...splitAt(bytes.subarray(introduction.length), cuts));
          await link.opened;
        }
        let begun = 0;
        for (let index = 0; index < count; index++) {
          const tell = (): void => {
            told[index] = (told[index] ?? 0) + 1;
          };
          const sent = link.send(
            { method: 'GET', path: '/', headers: [], body: null, deadlineMs: Number.POSITIVE_INFINITY },
            { onAnswer: tell, onFailure: tell },
          );
          if (sent instanceof LinkFailure) tell();
          else begun++;
        }
        expect(link.gauges.inFlight).toBe(begun);
        await deliver(theirs, pieces);
        link.close();
        const end = await link.ended;
        reasons.set(end.reason, (reasons.get(end.reason) ?? 0) + 1);
        expect(told).toEqual(new Array(count).fill(1));
        theirs.destroy();
        await isClosed;
      }),
      { numRuns: RUNS },
    );
    expectDepth(reasons);
  });
});
