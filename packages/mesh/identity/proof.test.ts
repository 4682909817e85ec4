import { createSign, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { proveKey, readProvenKey } from './proof.ts';

const mine = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const theirs = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const ID = 'spiffe://tenantry/-/billing/billing-1';

describe('A proven key', () => {
  it('is believed from whoever has the private part of it', () => {
    const read = readProvenKey(ID, proveKey(ID, mine.publicKey, mine.privateKey));
    expect(read?.equals(mine.publicKey)).toBe(true);
  });

  it.each([
    ['for another name', proveKey('spiffe://tenantry/-/gateway/gateway-1', mine.publicKey, mine.privateKey)],
    ['somebody else’s', proveKey(ID, theirs.publicKey, mine.privateKey)],
    ['of a curve that we do not use', proveOther('secp384r1')],
    ['no key', { publicKey: 'AAAA', proof: 'AAAA' }],
    ['without a signature', { ...proveKey(ID, mine.publicKey, mine.privateKey), proof: '' }],
  ])('is not believed when it is %s', (_, proven) => {
    expect(readProvenKey(ID, proven)).toBeNull();
  });
});

function proveOther(namedCurve: string) {
  const other = generateKeyPairSync('ec', { namedCurve });
  return {
    publicKey: other.publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
    proof: createSign('sha256').update(`tenantry mesh certificate for ${ID}`).sign(other.privateKey).toString('base64'),
  };
}
