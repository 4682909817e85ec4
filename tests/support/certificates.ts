import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import {
  type CertificateIssuer,
  type CertificateSubject,
  writeCertificate,
} from '@tenantry/mesh/identity/write-certificate.ts';

const DAY_MS = 86_400_000;

export type Validity = { readonly from?: Date; readonly to?: Date };
export type Issued = { readonly certificate: string; readonly privateKey: string };
type Subject = Validity & Omit<CertificateSubject, 'from' | 'to'>;

/** What `tls` takes. */
export const identityOf = ({ certificate, privateKey }: Issued) => ({ cert: certificate, key: privateKey });
export type Identity = ReturnType<typeof identityOf>;

export type Authority = {
  /** PEM. */
  readonly certificate: string;
  readonly privateKey: string;
  /** A certificate of a server with these names, and the key to it. */
  readonly issue: (hosts: readonly string[], validity?: Validity) => Issued;
  /** An authority below this one. */
  readonly delegate: (name: string, validity?: Validity) => Authority;
};

/** An authority that nobody knows yet. */
export function createAuthority(name = 'Authority of a test', validity: Validity = {}): Authority {
  const { privateKey, publicKey } = newKeys();
  const self = { name, key: privateKey };
  return authority(self, certify({ ...validity, name, key: publicKey, isAuthority: true, hosts: [] }, self));
}

/** What somebody would do who has a certificate that allows nothing of the kind. */
export const vouchWith = (name: string, { certificate, privateKey }: Issued): Authority =>
  authority({ name, key: createPrivateKey(privateKey) }, certificate);

const authority = (self: CertificateIssuer, certificate: string): Authority => ({
  certificate,
  privateKey: toPem(self.key),
  issue(hosts, validity = {}) {
    const { privateKey, publicKey } = newKeys();
    const subject = { ...validity, name: hosts[0] ?? 'nobody', key: publicKey, isAuthority: false, hosts };
    return { certificate: certify(subject, self), privateKey: toPem(privateKey) };
  },
  delegate(name, validity = {}) {
    const { privateKey, publicKey } = newKeys();
    const subject = { ...validity, name, key: publicKey, isAuthority: true, hosts: [] };
    return authority({ name, key: privateKey }, certify(subject, self));
  },
});

const newKeys = () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const toPem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();

const certify = ({ from, to, ...subject }: Subject, issuer: CertificateIssuer): string =>
  writeCertificate(
    { ...subject, from: from ?? new Date(Date.now() - DAY_MS), to: to ?? new Date(Date.now() + DAY_MS) },
    issuer,
  );
