import fc from 'fast-check';
import type { Headers } from '../head.ts';
import type { LinkMethod } from '../request-frame.ts';

const latin1 = fc
  .array(fc.oneof(fc.integer({ min: 0x20, max: 0x7e }), fc.integer({ min: 0x80, max: 0xff }), fc.constant(9)))
  .map((codes) => String.fromCharCode(...codes));
const name = fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9a-z]{1,20}$/);

export const anyHeaders: fc.Arbitrary<Headers> = fc
  .array(fc.tuple(name, latin1), { maxLength: 8 })
  .map((pairs) => pairs.flat());
export const anyPath = fc.stringMatching(/^\/[\x21-\x7e\x80-\xff]{0,40}$/);
export const anyMethod = fc.constantFrom<LinkMethod>('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS');
export const anyBody = fc.oneof(
  fc.constant(null),
  fc.string({ unit: 'binary' }),
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
);

/** Cuts bytes at the given places, however far these go. */
export function splitAt(bytes: Buffer, places: readonly number[]): Buffer[] {
  const cuts = [...new Set(places.map((place) => place % (bytes.length + 1)))].toSorted((a, b) => a - b);
  return [...cuts, bytes.length].map((end, index) => bytes.subarray(cuts[index - 1] ?? 0, end));
}

export const anyCuts = fc.array(fc.nat(), { maxLength: 20 });

/** One change of a conversation that was right. */
export type Mutation = {
  readonly kind: 'flip' | 'drop' | 'repeat' | 'swap' | 'insert';
  readonly at: number;
  readonly value: number;
};
export const anyMutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom('flip', 'drop', 'repeat', 'swap', 'insert'),
  at: fc.nat(),
  value: fc.integer({ min: 0, max: 0xffff_ffff }),
});

/** Bytes are flipped and inserted; whole frames are dropped, repeated and swapped. */
export function mutate(frames: readonly Buffer[], mutations: readonly Mutation[]): Buffer {
  const changed = frames.map((each) => Buffer.from(each));
  for (const { kind, at, value } of mutations) {
    const index = at % Math.max(changed.length, 1);
    const frame = changed[index] ?? Buffer.alloc(0);
    const byte = value % Math.max(frame.length, 1);
    if (kind === 'flip' && frame.length > 0) frame[byte] = (frame[byte] ?? 0) ^ (1 + ((value >>> 8) % 255));
    else if (kind === 'drop') changed.splice(index, 1);
    else if (kind === 'repeat') changed.splice(index, 0, frame);
    else if (kind === 'swap') changed.push(...changed.splice(index, 1));
    else if (kind === 'insert') changed.splice(index, 0, Buffer.from([value >>> 24, value >>> 16, value >>> 8, value]));
  }
  return Buffer.concat(changed);
}
