import { describe, expect, it } from 'vitest';
import { deriveClusterToken, deriveKey, deriveNatsToken, derivePassword, deriveRedisPassword } from './credentials.ts';

const KEY = '0b'.repeat(32);

describe('What is derived from the master key', () => {
  it('is the same every time, and different for every purpose, role and master key', () => {
    expect(derivePassword(KEY, 'billing_app')).toBe(derivePassword(KEY, 'billing_app'));
    const derived = [
      derivePassword(KEY, 'billing_app'),
      derivePassword(KEY, 'billing_worker'),
      derivePassword('0c'.repeat(32), 'billing_app'),
      deriveClusterToken(KEY),
      deriveNatsToken(KEY),
      deriveRedisPassword(KEY),
      deriveKey(KEY, 'secrets:billing').toString('base64url'),
    ];
    expect(new Set(derived).size).toBe(derived.length);
    // A change here would lock every deployment out of its database and its secrets.
    expect(derivePassword(KEY, 'billing_app')).toBe('jFL_3qerNMOXSMtJerqLPsjeNZ7j0cFpXMPHFCvgEZ4');
    expect(deriveKey(KEY, 'secrets:billing')).toHaveLength(32);
  });

  it.each(['', 'ab', 'AB'.repeat(32), 'zz'.repeat(32), `${KEY}00`])(
    'needs a key of 64 hexadecimal digits, not "%s"',
    (key) => {
      expect(() => deriveKey(key, 'x')).toThrow(RangeError);
    },
  );
});
