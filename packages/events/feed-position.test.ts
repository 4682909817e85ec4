import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endOf, isKept, readPosition, writePosition } from './feed-position.ts';

const stream = (firstSequence: number, lastSequence: number, madeAtMs = 1_000) => ({
  madeAtMs,
  firstSequence,
  lastSequence,
});
const at = (sequence: number, madeAtMs = 1_000) => new Map([['billing', { madeAtMs, sequence }]]);

describe('A position in the feed', () => {
  it('is read as it was written, and is one line of ASCII without spaces', () => {
    const service = fc.stringMatching(/^[a-z]{1,20}$/);
    const place = fc.record({ madeAtMs: fc.nat(4_000_000_000_000), sequence: fc.nat(3_000_000_000_000) });
    fc.assert(
      fc.property(fc.dictionary(service, place, { minKeys: 1, maxKeys: 8 }), (places) => {
        const position = new Map(Object.entries(places));
        const text = writePosition(position);
        expect(text).toMatch(/^[a-z0-9:,]+$/);
        expect(readPosition(text)).toEqual(position);
      }),
    );
  });

  it('is nothing else, whatever a client sends', () => {
    for (const text of [
      '',
      ' ',
      'x',
      'billing',
      'billing:1',
      'billing:1:2:3',
      'Billing:1:2',
      'billing:-1:2',
      'a:1:1,a:1:1',
    ])
      expect(readPosition(text)).toBeNull();
    expect(readPosition(`a:1:1${',b:1:1'.repeat(1_000)}`)).toBeNull();
    fc.assert(
      fc.property(fc.string(), (text) => {
        const position = readPosition(text);
        if (position !== null) expect(readPosition(writePosition(position))).toEqual(position);
      }),
    );
  });

  it.each([
    ['in the middle', at(5), stream(1, 9), true],
    ['at the end', at(9), stream(1, 9), true],
    ['right before what is still kept', at(4), stream(5, 9), true],
    ['of which the next is gone', at(3), stream(5, 9), false],
    ['beyond the end', at(10), stream(1, 9), false],
    ['in a stream that was made anew', at(5), stream(1, 9, 2_000), false],
    ['at the end of a stream that has forgotten everything', at(9), stream(10, 9), true],
    ['at the beginning of a stream that never held anything', at(0), stream(0, 0), true],
  ])('%s of a stream can be followed from, or not', (_where, position, extent, expected) => {
    expect(isKept(position, new Map([['billing', extent]]))).toBe(expected);
  });

  it('in a stream that is no more cannot be followed from; a new stream is no hindrance', () => {
    expect(isKept(at(5), new Map())).toBe(false);
    expect(
      isKept(
        at(5),
        new Map([
          ['billing', stream(1, 9)],
          ['users', stream(1, 3)],
        ]),
      ),
    ).toBe(true);
    expect(isKept(endOf(new Map([['billing', stream(3, 9)]])), new Map([['billing', stream(3, 12)]]))).toBe(true);
  });
});
