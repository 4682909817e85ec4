import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';

const BLOCK = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;
const MAX_CERTIFICATES = 5;

export type ReadChain = { readonly pem: string; readonly leaf: X509Certificate } | { readonly fault: string };

/**
 * What is wrong with a client's certificate and those that lead from it to its authority, or they and nothing that was
 * written around them. Nothing of the text is repeated in a fault: it may be a private key that was pasted by mistake.
 */
export function readCertificateChain(text: string, now: Temporal.Instant): ReadChain {
  if (text.includes('PRIVATE KEY')) return { fault: 'is or contains a private key, which belongs into privateKey' };
  const blocks = text.match(BLOCK) ?? [];
  if (blocks.length === 0 || text.replaceAll(BLOCK, '').trim() !== '')
    return { fault: 'must be certificates in PEM, the client’s own first' };
  if (blocks.length > MAX_CERTIFICATES) return { fault: `must be ${MAX_CERTIFICATES} certificates at most` };
  try {
    const chain = blocks.map((block) => new X509Certificate(block));
    const [leaf] = chain;
    if (leaf === undefined) return { fault: 'must be certificates in PEM, the client’s own first' };
    for (const [index, certificate] of chain.entries()) {
      const fault = faultOf(certificate, chain[index + 1], now);
      if (fault !== null) return { fault };
    }
    return { pem: chain.map((certificate) => certificate.toString()).join(''), leaf };
  } catch {
    return { fault: 'is not a certificate that can be used' };
  }
}

function faultOf(certificate: X509Certificate, next: X509Certificate | undefined, now: Temporal.Instant) {
  const { validFromDate, validToDate } = certificate;
  if (validToDate.getTime() <= now.epochMilliseconds) return `ended on ${validToDate.toISOString()}`;
  if (validFromDate.getTime() > now.epochMilliseconds) return `counts only from ${validFromDate.toISOString()}`;
  const leadsOn = next === undefined || (certificate.checkIssued(next) && certificate.verify(next.publicKey));
  return leadsOn ? null : 'must have each certificate issued by the next one';
}

/** PKCS#8 in PEM, whatever form it came in. */
export type ReadKey = { readonly pem: string } | { readonly fault: string };

export function readClientKey(text: string, leaf: X509Certificate): ReadKey {
  if (text.includes('ENCRYPTED')) return { fault: 'must be without a passphrase: it is kept sealed here' };
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: text, format: 'pem' });
  } catch {
    return { fault: 'is not a private key in PEM' };
  }
  if (!leaf.checkPrivateKey(key)) return { fault: 'is not the key of the certificate' };
  const pem = key.export({ type: 'pkcs8', format: 'pem' }).toString();
  try {
    createSecureContext({ cert: leaf.toString(), key: pem }); // refuses what is too weak to be worth anything
  } catch {
    return { fault: 'is not a key that TLS can use' };
  }
  return { pem };
}
