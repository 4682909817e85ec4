import { X509Certificate } from 'node:crypto';

/** SHA-256 of a certificate's DER as people compare it: `4F:…`, 32 pairs. What `openssl x509 -fingerprint -sha256` prints. */
export const fingerprintOf = (pem: string): string => new X509Certificate(pem).fingerprint256;

/** One or several with commas between; in either case, with colons or without. Throws a RangeError that names the entry. */
export function readFingerprints(text: string): readonly string[] {
  return text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
    .map((entry) => {
      const digits = entry.replaceAll(':', '').toUpperCase();
      if (!/^[0-9A-F]{64}$/.test(digits)) throw new RangeError(`not the SHA-256 fingerprint of a root: ${entry}`);
      return digits.replaceAll(/(..)(?!$)/g, '$1:');
    });
}
