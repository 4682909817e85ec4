import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeJws,
  generateSigningKey,
  signatureOf,
  signingKeyFromSeed,
  signJws,
  toPublicJwk,
  verifyJws,
} from './jws.ts';

const seed = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes));
const orderMinus = (less: bigint): Buffer =>
  Buffer.from((0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n - less).toString(16), 'hex');

describe('A key from a seed', () => {
  it('is the same each time, another for another seed, and signs', () => {
    fc.assert(
      fc.property(seed, seed, fc.object(), (one, other, payload) => {
        const key = signingKeyFromSeed('k', one);
        expect(signingKeyFromSeed('k', one).publicKey.equals(key.publicKey)).toBe(true);
        expect(signingKeyFromSeed('k', other).publicKey.equals(key.publicKey)).toBe(one.equals(other));
        const token = decodeJws(signJws(key, 'at+jwt', payload), 'at+jwt');
        expect(token !== null && verifyJws(token, key.publicKey)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it.each([
    ['zero', Buffer.alloc(32)],
    ['the number of points', orderMinus(0n)],
    ['more than there are points', Buffer.alloc(32, 0xff)],
  ])('can be made of any seed, also of %s', (_what, bytes) => {
    expect(toPublicJwk(signingKeyFromSeed('k', bytes).publicKey)).toMatchObject({ kty: 'EC', crv: 'P-256' });
  });

  it('is made of the seed itself where that is a scalar of the curve', () => {
    const scalar = orderMinus(1n);
    const { d } = signingKeyFromSeed('k', scalar).privateKey.export({ format: 'jwk' });
    expect(d).toBe(scalar.toString('base64url'));
  });

  it.each([0, 31, 33])('needs 32 bytes, not %i', (length) => {
    expect(() => signingKeyFromSeed('k', Buffer.alloc(length))).toThrow(RangeError);
  });
});

describe('A signature', () => {
  it('is always the one with the smaller s', () => {
    const { privateKey } = generateSigningKey('k');
    for (let i = 0; i < 100; i++) {
      const s = BigInt(`0x${signatureOf(privateKey, `text ${i}`).toString('hex', 32)}`);
      expect(s * 2n < 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n).toBe(true);
    }
  });
});
