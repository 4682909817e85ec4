import { decodeJws, fromPublicJwk, signJws, verifyJws } from '@tenantry/auth/jws.ts';
import { describe, expect, it } from 'vitest';
import { accessTokenKey, toPublishedKey } from './signing-key.ts';

const MASTER_KEY = 'ab'.repeat(32);

describe('The key of access tokens', () => {
  it('is the same in every process that knows the master key', () => {
    expect(toPublishedKey(accessTokenKey(MASTER_KEY))).toEqual(toPublishedKey(accessTokenKey(MASTER_KEY)));
  });

  it('is another for another master key and for another generation', () => {
    const published = [accessTokenKey(MASTER_KEY), accessTokenKey('cd'.repeat(32)), accessTokenKey(MASTER_KEY, 2)].map(
      toPublishedKey,
    );
    expect(new Set(published.map(({ x }) => x)).size).toBe(3);
    expect(published.map(({ kid }) => kid)).toEqual(['at-1', 'at-1', 'at-2']);
  });

  it('signs what its published half verifies', () => {
    const key = accessTokenKey(MASTER_KEY);
    const token = decodeJws(signJws(key, 'at+jwt', { sub: 'usr_1' }), 'at+jwt');
    expect(token !== null && verifyJws(token, fromPublicJwk(toPublishedKey(key)))).toBe(true);
    expect(token !== null && verifyJws(token, accessTokenKey(MASTER_KEY, 2).publicKey)).toBe(false);
  });

  it('is this one, whatever version of us makes it: tokens that are out there were signed with it', () => {
    expect(toPublishedKey(accessTokenKey(MASTER_KEY)).x).toBe('uB4Gb9Mms1aBfNITttb45dwbx_fiau16c4PCXu3XNoM');
  });

  it('publishes nothing but its public half', () => {
    expect(Object.keys(toPublishedKey(accessTokenKey(MASTER_KEY))).toSorted()).toEqual(['crv', 'kid', 'kty', 'x', 'y']);
  });
});
