import { generateSigningKey } from '@tenantry/auth/jws.ts';
import { issuePassport, PASSPORT_HEADER } from '@tenantry/auth/passport.ts';
import { newId } from '@tenantry/kernel/id.ts';
import type { Discovery } from '@tenantry/mesh/discovery.ts';
import { localDiscovery } from '@tenantry/mesh/test/local-discovery.ts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { userOf } from '../test/open-door.ts';
import { authenticateByPassport } from './passport-check.ts';

const key = generateSigningKey('gateway-1');
const user = userOf(newId('ten'), ['member']);
const nowSeconds = () => Math.floor(Date.now() / 1_000);

let asked: string[];
let known = true;
const discovery = (): Discovery => ({
  ...localDiscovery().discovery,
  async issuerOf(instanceId) {
    asked.push(instanceId);
    return known && instanceId === 'gateway-1' ? { service: 'gateway', key: key.publicKey } : null;
  },
});
beforeEach(() => {
  asked = [];
  known = true;
  vi.useFakeTimers({ toFake: ['Date'] });
});
afterEach(() => vi.useRealTimers());

describe('A passport at the door', () => {
  it('says who is calling, and is verified once', async () => {
    const authenticate = authenticateByPassport(discovery());
    const headers = { [PASSPORT_HEADER]: issuePassport(key, user, nowSeconds()) };
    expect(await authenticate(headers)).toEqual(user);
    expect(await authenticate(headers)).toEqual(user);
    expect(asked).toEqual(['gateway-1']);
  });

  it('ends after 30 seconds, also where it is remembered', async () => {
    const authenticate = authenticateByPassport(discovery());
    const headers = { [PASSPORT_HEADER]: issuePassport(key, user, nowSeconds()) };
    await authenticate(headers);
    vi.setSystemTime(Date.now() + 30_000);
    await expect(authenticate(headers)).rejects.toMatchObject({ kind: { code: 'unauthenticated' } });
  });

  it('that did not hold may hold later: its issuer may have registered in between', async () => {
    const authenticate = authenticateByPassport(discovery());
    const headers = { [PASSPORT_HEADER]: issuePassport(key, user, nowSeconds()) };
    known = false;
    await expect(authenticate(headers)).rejects.toMatchObject({ kind: { code: 'unauthenticated' } });
    known = true;
    expect(await authenticate(headers)).toEqual(user);
  });

  it('is believed over mutual TLS only on a connection of who signed it', async () => {
    const authenticate = authenticateByPassport(discovery());
    const headers = { [PASSPORT_HEADER]: issuePassport(key, user, nowSeconds()) };
    const peer = (service: string) => ({ service, instanceId: `${service}-1`, serial: '4f' });
    expect(await authenticate(headers, undefined, peer('gateway'))).toEqual(user);
    // Also where it is remembered from a better one.
    await expect(authenticate(headers, undefined, peer('billing'))).rejects.toMatchObject({
      kind: { code: 'unauthenticated' },
    });
  });

  it.each<readonly [what: string, token: () => string | string[] | undefined]>([
    ['is missing', () => undefined],
    ['is empty', () => ''],
    ['is there twice', () => ['a', 'b']],
    ['is nonsense', () => 'a.b.c'],
    ['is signed by somebody unknown', () => issuePassport(generateSigningKey('gateway-2'), user, nowSeconds())],
    ['is signed under another’s name', () => issuePassport(generateSigningKey('gateway-1'), user, nowSeconds())],
  ])('that %s is refused', async (_what, token) => {
    const authenticate = authenticateByPassport(discovery());
    await expect(authenticate({ [PASSPORT_HEADER]: token() })).rejects.toMatchObject({
      kind: { code: 'unauthenticated' },
    });
  });
});
