import { upstreamTimeout } from '@tenantry/kernel/problems.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errorCodeOf } from './error-code.ts';

const coded = (code: unknown, message = 'no'): Error => Object.assign(new Error(message), { code });

describe('The code of an error', () => {
  it('is the one that we, Node, undici or PostgreSQL gave it', () => {
    expect(errorCodeOf(upstreamTimeout('Billing did not answer.'))).toBe('upstream-timeout');
    for (const code of ['ECONNREFUSED', 'UND_ERR_CONNECT_TIMEOUT', '57P01', 'E2BIG']) {
      expect(errorCodeOf(coded(code))).toBe(code);
    }
  });
  it('is looked for in the cause, where fetch hides it', () => {
    const error = new Error('fetch failed', { cause: coded('ECONNRESET') });
    expect(errorCodeOf(error)).toBe('ECONNRESET');
    const turning = new Error('cause of itself');
    turning.cause = turning;
    expect(errorCodeOf(turning)).toBe('unknown');
  });
  it('is the name of an error that has nothing better, if the platform chose the name', () => {
    expect(errorCodeOf(new TypeError('x is not a function'))).toBe('TypeError');
    expect(errorCodeOf(new DOMException('took too long', 'TimeoutError'))).toBe('TimeoutError');
    expect(errorCodeOf(Object.assign(new Error('no'), { name: 'tok_secret' }))).toBe('unknown');
  });
  it('is never what somebody threw or put into `code` by mistake', () => {
    for (const odd of ['postgres://u:p@db/x', undefined, null, 17, { code: 'ECONNRESET' }])
      expect(errorCodeOf(odd)).toBe('unknown');
    for (const secret of ['sk_live_4eC39HqLyjWDarjtT1zdp7dc', 'hunter2', 500, '', 'A'.repeat(41), 'A B'])
      expect(errorCodeOf(coded(secret))).toBe('unknown');
  });
  it('never repeats a message, whatever it says', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (message) => {
        expect(errorCodeOf(new Error(message))).toBe('unknown');
        expect(errorCodeOf(coded(message.toLowerCase(), message))).toSatisfy(
          (code: string) => code === 'unknown' || /^[0-9]{5}$/.test(code),
        );
      }),
    );
  });
});
