import { describe, expect, it } from 'vitest';
import { readUntrusted } from './untrusted.ts';

describe('What a failed handshake says', () => {
  // As Node names what OpenSSL's own server answers.
  it.each([
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'client-certificate-refused'],
    ['ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED', 'client-certificate-refused'],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'client-certificate-refused'],
    ['ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE', 'no-tls'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'no-tls'],
    ['CERT_HAS_EXPIRED', 'certificate-expired'],
    ['CERT_SIGNATURE_FAILURE', 'certificate-refused'],
  ])('%s: %s', (code, reason) => {
    expect(readUntrusted(Object.assign(new Error('x'), { code }))).toMatchObject({ reason });
  });

  it('is nothing of who is trusted where the network failed', () => {
    expect(readUntrusted(Object.assign(new Error('x'), { code: 'ECONNREFUSED' }))).toBeNull();
  });
});
