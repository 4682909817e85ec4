import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';

const ONE_BLOCK = /^\s*-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*$/;

export type ReadCertificate = { readonly pem: string; readonly fingerprint: string } | { readonly fault: string };

/**
 * What is wrong with one certificate of an authority, or the certificate and nothing that was written around it. None of
 * the text is repeated in a fault: it may be a private key that was pasted by mistake.
 */
export function readCertificate(text: string, now: Temporal.Instant): ReadCertificate {
  if (text.includes('PRIVATE KEY'))
    return { fault: 'is or contains a private key. Keep it to yourself; what is wanted is the certificate' };
  if (!ONE_BLOCK.test(text)) return { fault: 'must be one certificate in PEM, from BEGIN CERTIFICATE to its END' };
  try {
    const certificate = new X509Certificate(text);
    if (certificate.validToDate.getTime() <= now.epochMilliseconds)
      return { fault: `ended on ${certificate.validToDate.toISOString()}, so nothing can be verified with it` };
    const pem = certificate.toString();
    createSecureContext({ ca: pem }); // refuses keys that are too weak to be worth anything
    return { pem, fingerprint: certificate.fingerprint256 };
  } catch {
    return { fault: 'is not a certificate that can be used' };
  }
}
