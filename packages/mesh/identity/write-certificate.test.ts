import { createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newSerial, writeCertificate } from './write-certificate.ts';

const root = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const leaf = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const issuer = { name: 'Root', key: root.privateKey };
const subject = {
  name: 'billing',
  key: leaf.publicKey,
  isAuthority: false,
  hosts: ['spiffe://tenantry/-/billing/billing-1'],
  from: new Date('2026-01-01T00:00:00Z'),
  to: new Date('2026-01-01T01:00:00Z'),
};

describe('A certificate that was written', () => {
  it('is read by OpenSSL as it was meant, whatever is in it', () => {
    const wholeSecond = fc
      .integer({ min: Date.UTC(2000, 0, 1) / 1_000, max: Date.UTC(2049, 11, 31) / 1_000 })
      .map((seconds) => new Date(seconds * 1_000));
    const someSubject = fc.record({
      name: fc.stringMatching(/^[A-Za-z0-9]([A-Za-z0-9 _.-]{0,62}[A-Za-z0-9])?$/),
      isAuthority: fc.boolean(),
      // Lengths around 127 and 255 octets are written in more than one (X.690 §8.1.3).
      path: fc.stringMatching(/^[a-z0-9/]{0,300}$/),
      from: wholeSecond,
      to: wholeSecond,
    });
    fc.assert(
      fc.property(someSubject, ({ name, isAuthority, path, from, to }) => {
        const hosts = [`spiffe://tenantry/${path}`];
        const serial = newSerial();
        const written = new X509Certificate(
          writeCertificate({ name, key: leaf.publicKey, isAuthority, hosts, from, to }, issuer, serial),
        );
        expect(written.subject).toBe(`CN=${name}`);
        expect(written.issuer).toBe('CN=Root');
        expect(written.subjectAltName).toBe(`URI:${hosts[0]}`);
        expect(written.validFromDate).toEqual(from);
        expect(written.validToDate).toEqual(to);
        expect(written.ca).toBe(isAuthority);
        expect(written.serialNumber.toLowerCase()).toBe(serial);
        expect(written.keyUsage).toEqual(isAuthority ? undefined : ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
        expect(written.publicKey.equals(createPublicKey(leaf.privateKey))).toBe(true);
        expect(written.verify(root.publicKey)).toBe(true);
        expect(written.verify(leaf.publicKey)).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  it('says nothing any more when one octet of it is another', () => {
    const der = new X509Certificate(writeCertificate(subject, issuer)).raw;
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), (place, change) => {
        const damaged = Buffer.from(der);
        damaged[place] = (damaged[place] ?? 0) ^ change;
        let verifies = false;
        try {
          verifies = new X509Certificate(damaged).verify(root.publicKey);
        } catch {
          // Not even readable.
        }
        expect(verifies).toBe(false);
      }),
      { numRuns: 500 },
    );
  });
});

it('Serial numbers are positive, 16 octets, and no two are the same', () => {
  const serials = Array.from({ length: 1_000 }, () => newSerial());
  expect(new Set(serials).size).toBe(1_000);
  for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9a-f]{31}$/);
});
