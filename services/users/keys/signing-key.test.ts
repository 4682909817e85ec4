import { decodeJws, fromPublicJwk, signJws, verifyJws } from '@tenantry/auth/jws.ts';
import { describe, expect, it } from 'vitest';
import { accessTokenKeys, toPublishedKey } from './signing-key.ts';

const MASTER_KEY = 'ab'.repeat(32);

const OTHER_KEY = 'cd'.repeat(32);
const [key] = accessTokenKeys(MASTER_KEY);

describe('The key of access tokens', () => {
  it('is the same in every process that knows the master key', () => {
    expect(accessTokenKeys(MASTER_KEY).map(toPublishedKey)).toEqual([toPublishedKey(key)]);
  });

  it('is another, under another name, for another master key', () => {
    const [other] = accessTokenKeys(OTHER_KEY);
    expect(other.kid).not.toBe(key.kid);
    expect(toPublishedKey(other).x).not.toBe(toPublishedKey(key).x);
    expect(key.kid).toMatch(/^at-[A-Za-z0-9_-]{43}$/);
  });

  it('is joined by the one before it while the master key is being changed', () => {
    const keys = accessTokenKeys(`${OTHER_KEY},${MASTER_KEY}`);
    expect(keys.map(toPublishedKey)).toEqual([...accessTokenKeys(OTHER_KEY), key].map(toPublishedKey));
  });

  it('signs what its published half verifies', () => {
    const token = decodeJws(signJws(key, 'at+jwt', { sub: 'usr_1' }), 'at+jwt');
    expect(token !== null && verifyJws(token, fromPublicJwk(toPublishedKey(key)))).toBe(true);
    expect(token !== null && verifyJws(token, accessTokenKeys(OTHER_KEY)[0].publicKey)).toBe(false);
  });

  it('is this one, whatever version of us makes it: tokens that are out there were signed with it', () => {
    expect(toPublishedKey(key).x).toBe('uB4Gb9Mms1aBfNITttb45dwbx_fiau16c4PCXu3XNoM');
  });

  it('publishes nothing but its public half', () => {
    expect(Object.keys(toPublishedKey(key)).toSorted()).toEqual(['crv', 'kid', 'kty', 'x', 'y']);
  });
});
