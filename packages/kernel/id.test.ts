import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  idFromUuid,
  idPattern,
  inOrder,
  isId,
  isUuid,
  newId,
  newUuid,
  PLATFORM_TENANT_ID,
  PLATFORM_TENANT_UUID,
  uuidOf,
} from './id.ts';

/** Pairs of the TypeID specification (valid.json of its repository). */
const VECTORS: readonly (readonly [uuid: string, suffix: string])[] = [
  ['00000000-0000-0000-0000-000000000000', '00000000000000000000000000'],
  ['00000000-0000-0000-0000-000000000001', '00000000000000000000000001'],
  ['00000000-0000-0000-0000-00000000000a', '0000000000000000000000000a'],
  ['00000000-0000-0000-0000-000000000010', '0000000000000000000000000g'],
  ['00000000-0000-0000-0000-000000000020', '00000000000000000000000010'],
  ['ffffffff-ffff-ffff-ffff-ffffffffffff', '7zzzzzzzzzzzzzzzzzzzzzzzzz'],
  ['0110c853-1d09-52d8-d73e-1194e95b5f19', '0123456789abcdefghjkmnpqrs'],
  ['01890a5d-ac96-774b-bcce-b302099a8057', '01h455vb4pex5vsknk084sn02q'],
];

const anyUuid = fc
  .bigInt({ min: 0n, max: 2n ** 128n - 1n })
  .map((bits) => bits.toString(16).padStart(32, '0'))
  .map((hex) => `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`);

describe('An id', () => {
  it.each(VECTORS)('of %s ends in %s', (uuid, suffix) => {
    expect(idFromUuid('inv', uuid)).toBe(`inv_${suffix}`);
    expect(uuidOf(`inv_${suffix}`)).toBe(uuid);
  });

  it('comes back as the UUID it was made of, whatever the UUID', () => {
    fc.assert(fc.property(anyUuid, (uuid) => uuidOf(idFromUuid('usr', uuid)) === uuid));
  });

  it('sorts as its UUID does', () => {
    fc.assert(
      fc.property(anyUuid, anyUuid, (a, b) => {
        expect(idFromUuid('pay', a) < idFromUuid('pay', b)).toBe(a < b);
      }),
    );
  });

  it.each([
    ['overflows 128 bits', 'inv_8zzzzzzzzzzzzzzzzzzzzzzzzz'],
    ['has a letter that Crockford leaves out', 'inv_01h455vb4pex5vsknk084sn0iq'],
    ['has l', 'inv_01h455vb4pex5vsknk084sn0lq'],
    ['has o', 'inv_01h455vb4pex5vsknk084sn0oq'],
    ['has u', 'inv_01h455vb4pex5vsknk084sn0uq'],
    ['is upper case', 'inv_01H455VB4PEX5VSKNK084SN02Q'],
    ['is too short', 'inv_01h455vb4pex5vsknk084sn02'],
    ['is too long', 'inv_01h455vb4pex5vsknk084sn02q0'],
    ['has dashes', 'inv_01h455vb-4pex-5vsk-nk084sn02q'],
    ['ends in a line break', 'inv_01h455vb4pex5vsknk084sn02q\n'],
    ['has no prefix', '_01h455vb4pex5vsknk084sn02q'],
    ['has nothing after the prefix', 'inv_'],
    ['has two prefixes', 'inv_inv_01h455vb4pex5vsknk084sn02q'],
  ])('that %s is none', (_why, text) => {
    expect(isId('inv', text)).toBe(false);
    expect(new RegExp(idPattern('inv')).test(text)).toBe(false);
    expect(() => uuidOf(text as `inv_${string}`)).toThrow(RangeError);
  });

  it('belongs to its prefix alone, also where one prefix begins another', () => {
    expect(isId('usr', newId('inv'))).toBe(false);
    expect(isId('in', newId('inv'))).toBe(false);
    expect(new RegExp(idPattern('usr')).test(newId('inv'))).toBe(false);
    expect(isId('inv', newId('inv'))).toBe(true);
  });

  it('without a prefix is none either', () => {
    expect(() => uuidOf('01h455vb4pex5vsknk084sn02q' as `inv_${string}`)).toThrow(RangeError);
  });

  it.each(['', 'x', '01890A5D-AC96-774B-BCCE-B302099A8057', '01890a5dac96774bbcceb302099a8057', `${VECTORS[0]?.[0]} `])(
    'is not made of %j',
    (text) => {
      expect(isUuid(text)).toBe(false);
      expect(() => idFromUuid('inv', text)).toThrow(RangeError);
    },
  );

  it('of tenant zero is the same in every process', () => {
    expect(idFromUuid('ten', PLATFORM_TENANT_UUID)).toBe(PLATFORM_TENANT_ID);
  });
});

describe('A new UUID', () => {
  it('is version 7 of the RFC 9562 variant', () => {
    for (let i = 0; i < 1_000; i++)
      expect(newUuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('sorts after every earlier one of this process', () => {
    const made = Array.from({ length: 20_000 }, newUuid);
    expect(made).toEqual(made.toSorted());
    expect(new Set(made).size).toBe(made.length);
  });

  it.each([
    ['the millisecond does not end', ['01890a5d-ac96-7fff-bcce-b302099a8057']],
    ['the clock is set back', ['01890a5d-ac96-774b-bcce-b302099a8057', '01890a5d-ac95-7fff-bcce-b302099a8057']],
  ])('sorts so also while %s, however many there are', (_when, drawn) => {
    let draws = 0;
    const next = inOrder(() => drawn[Math.min(draws++, drawn.length - 1)] ?? '');
    const made = Array.from({ length: 10_000 }, next);
    expect(made).toEqual(made.toSorted());
    expect(new Set(made).size).toBe(made.length);
    expect(made.every(isUuid)).toBe(true);
  });

  it('says when it was made', () => {
    const millisOf = (uuid: string) => Number.parseInt(uuid.replace('-', '').slice(0, 12), 16);
    const before = Date.now();
    const made = newUuid();
    // The burst of another test may have pushed the counter's time a little ahead.
    expect(millisOf(made)).toBeGreaterThanOrEqual(before);
    expect(millisOf(made)).toBeLessThan(before + 5_000);
  });
});
