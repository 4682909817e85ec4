import type { UntrustedReason } from '../../contract/upstreams.ts';

/** As OpenSSL names what it finds (`man X509_STORE_CTX_get_error`); whatever else it says of a certificate is `certificate-refused`. */
const REASON_OF: Readonly<Record<string, UntrustedReason>> = {
  CERT_HAS_EXPIRED: 'certificate-expired',
  CERT_NOT_YET_VALID: 'certificate-not-yet-valid',
  ERR_TLS_CERT_ALTNAME_INVALID: 'wrong-name',
  HOSTNAME_MISMATCH: 'wrong-name',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'unknown-issuer',
  SELF_SIGNED_CERT_IN_CHAIN: 'unknown-issuer',
  UNABLE_TO_GET_ISSUER_CERT: 'unknown-issuer',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'unknown-issuer',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'unknown-issuer',
};
/** Node knows no names for what OpenSSL has learned to say since, and calls it UNSPECIFIED. */
const OF_A_CERTIFICATE =
  /^(UNSPECIFIED$|CERT_|CRL_|ERROR_IN_CERT|INVALID_(CA|PURPOSE|NON_CA)|PATH_LENGTH|UNABLE_TO_|CA_|EE_|AKID_|SUBJECT_|ERR_TLS_CERT)/;

/**
 * What a server says of the certificate that it was shown (RFC 5246 §7.2.2). One that speaks TLS 1.3 says it, if at all,
 * when the client believes already that the connection stands: then it is a connection that broke off.
 */
const OF_OUR_CERTIFICATE =
  /ALERT_(CERTIFICATE_REQUIRED|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_(REVOKED|EXPIRED|UNKNOWN)|UNKNOWN_CA|ACCESS_DENIED)$/;

/** Never says more than its reason: what a server shows as its certificate is a text of anybody's choice. */
export class UntrustedServer extends Error {
  readonly code = 'ERR_UNTRUSTED_SERVER';
  readonly reason: UntrustedReason;
  constructor(reason: UntrustedReason) {
    super(`The server of this upstream is not believed to be who it should be: ${reason}.`);
    this.reason = reason;
  }
}

/** What a failed handshake says of the server; null when it was the network that failed, or it says nothing at all. */
export function readUntrusted(error: unknown): UntrustedServer | null {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
  const known = REASON_OF[code];
  if (known !== undefined) return new UntrustedServer(known);
  if (OF_A_CERTIFICATE.test(code)) return new UntrustedServer('certificate-refused');
  if (OF_OUR_CERTIFICATE.test(code)) return new UntrustedServer('client-certificate-refused');
  // Something else than TLS, or a TLS that neither side's rules allow.
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_')) return new UntrustedServer('no-tls');
  return null;
}
