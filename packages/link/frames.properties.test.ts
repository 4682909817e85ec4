import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readAnswer, writeAnswer } from './answer-frame.ts';
import { HEADER_BYTES, KIND } from './frame.ts';
import { FrameReader } from './frame-reader.ts';
import { GatheredWriter } from './gathered-writer.ts';
import { DEFAULT_LIMITS, maxPayloadBytes } from './limits.ts';
import { LinkViolation } from './link-end.ts';
import { readRefusal, writeRefusal } from './refusal-frame.ts';
import { prepareRequest, readRequest, writeRequest } from './request-frame.ts';
import { anyBody, anyCuts, anyHeaders, anyMethod, anyMutation, anyPath, mutate, splitAt } from './test/arbitraries.ts';

const request = fc.record({
  kind: fc.constant('request' as const),
  slot: fc.integer({ min: 0, max: 0xffff }),
  generation: fc.integer({ min: 0, max: 0xffff_ffff }),
  leftMs: fc.integer({ min: 0, max: 0xffff_fffe }),
  method: anyMethod,
  path: anyPath,
  headers: anyHeaders,
  body: anyBody,
});
const answer = fc.record({
  kind: fc.constant('answer' as const),
  slot: fc.integer({ min: 0, max: 0xffff }),
  generation: fc.integer({ min: 0, max: 0xffff_ffff }),
  status: fc.integer({ min: 200, max: 599 }),
  headers: anyHeaders,
  body: anyBody,
});
const refusal = fc.record({
  kind: fc.constant('refusal' as const),
  slot: fc.integer({ min: 0, max: 0xffff }),
  generation: fc.integer({ min: 0, max: 0xffff_ffff }),
  reason: fc.constantFrom('busy', 'too-large', 'deadline', 'cancelled', 'failed'),
  mayHaveActed: fc.boolean(),
});
const message = fc.oneof(request, answer, refusal);
type Message = typeof message extends fc.Arbitrary<infer T> ? T : never;

/** What a socket would have got. */
function bytesOf(messages: readonly Message[]): Buffer {
  const written: Buffer[] = [];
  const writer = new GatheredWriter({
    writableLength: 0,
    write: (bytes, done) => {
      written.push(Buffer.from(bytes));
      done();
      return true;
    },
  });
  for (const each of messages) {
    const { slot, generation } = each;
    if (each.kind === 'request') {
      const prepared = prepareRequest(each, DEFAULT_LIMITS);
      if (prepared === null) throw new Error('Within the limits.');
      writeRequest(writer, slot, generation, each.leftMs, prepared);
    } else if (each.kind === 'answer') {
      const { status, headers, body } = each;
      expect(writeAnswer(writer, slot, generation, status, headers, body, DEFAULT_LIMITS)).toBe(true);
    } else writeRefusal(writer, slot, generation, each.reason, each.mayHaveActed);
  }
  writer.flush();
  return Buffer.concat(written);
}

/** What the other side understands, in words that can be compared with what was meant. */
function understand(pieces: readonly Buffer[]): { readonly read: unknown[]; readonly isWithinFrame: boolean } {
  const read: unknown[] = [];
  const reader = new FrameReader((kind, slot, generation, bytes, start, end) => {
    if (kind === KIND.request) {
      const { frameBytes, ...rest } = readRequest(bytes, start, end, DEFAULT_LIMITS);
      expect(frameBytes).toBe(HEADER_BYTES + end - start);
      read.push({ kind: 'request', slot, generation, ...rest, body: Buffer.from(rest.body) });
    } else if (kind === KIND.answer) {
      const { body, ...rest } = readAnswer(bytes, start, end, DEFAULT_LIMITS);
      read.push({ kind: 'answer', slot, generation, ...rest, body: Buffer.from(body) });
    } else if (kind === KIND.refusal)
      read.push({ kind: 'refusal', slot, generation, ...readRefusal(bytes, start, end) });
    else throw new LinkViolation('unexpected-frame', 'Not written here.');
    return true;
  });
  reader.raiseLimit(maxPayloadBytes(DEFAULT_LIMITS));
  for (const piece of pieces) reader.read(piece);
  return { read, isWithinFrame: reader.reservedBytes > 0 };
}

const meant = (each: Message): unknown =>
  each.kind === 'refusal' ? each : { ...each, body: Buffer.from(each.body ?? '') };

describe('Whatever is written', () => {
  it('is read as it was meant, wherever the network splits it', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 8 }), anyCuts, (messages, cuts) => {
        const { read, isWithinFrame } = understand(splitAt(bytesOf(messages), cuts));
        expect(read).toEqual(messages.map(meant));
        expect(isWithinFrame).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  it('is read byte by byte as well', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 4 }), (messages) => {
        const bytes = bytesOf(messages);
        expect(understand(splitAt(bytes, [...bytes.keys()])).read).toEqual(messages.map(meant));
      }),
      { numRuns: 50 },
    );
  });

  it('is known to be cut off when it is', () => {
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 4 }), fc.nat(), anyCuts, (messages, at, cuts) => {
        const bytes = bytesOf(messages);
        const ends = messages.map((_, index) => bytesOf(messages.slice(0, index + 1)).length);
        const length = at % bytes.length;
        const { read, isWithinFrame } = understand(splitAt(bytes.subarray(0, length), cuts));
        expect(read.length).toBe(ends.filter((end) => end <= length).length);
        expect(isWithinFrame).toBe(length > 0 && !ends.includes(length));
      }),
      { numRuns: 300 },
    );
  });

  it('does not depend on how it was split, also when it is wrong', () => {
    const verdict = (pieces: readonly Buffer[]): unknown => {
      try {
        return understand(pieces);
      } catch (error) {
        if (error instanceof LinkViolation) return error.reason;
        throw error;
      }
    };
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 5 }),
        fc.array(anyMutation, { minLength: 1, maxLength: 5 }),
        anyCuts,
        (messages, mutations, cuts) => {
          const bytes = mutate(
            messages.map((each) => bytesOf([each])),
            mutations,
          );
          expect(verdict(splitAt(bytes, cuts))).toEqual(verdict([bytes]));
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

describe('The memory that a peer can make a reader take', () => {
  it('is one frame of the size that was allowed, however much it announces', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 12, maxLength: 40 }),
        fc.integer({ min: 0, max: 2_000 }),
        (bytes, limit) => {
          const reader = new FrameReader((_kind, _slot, _generation, _bytes, start, end) => {
            expect(end - start).toBeLessThanOrEqual(limit);
            return true;
          });
          reader.raiseLimit(limit);
          try {
            reader.read(Buffer.from(bytes));
          } catch (error) {
            expect(error).toBeInstanceOf(LinkViolation);
          }
          expect(reader.reservedBytes).toBeLessThanOrEqual(12 + limit);
        },
      ),
      { numRuns: 300 },
    );
  });
});
