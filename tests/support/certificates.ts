import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { bits, bytes, explicit, integer, oid, sequence, set, tagged, time, truth, utf8 } from './der.ts';

/** RFC 5280, and RFC 5758 §3.2 for ECDSA: just enough of it that a TLS client has something to believe or refuse. */
const OID = {
  commonName: '2.5.4.3',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  basicConstraints: '2.5.29.19',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
} as const;

const DAY_MS = 86_400_000;
/** digitalSignature; keyCertSign and cRLSign. The first octet says how many bits of the last one do not count. */
const SIGNS_DATA = Buffer.from([0x07, 0x80]);
const SIGNS_CERTIFICATES = Buffer.from([0x01, 0x06]);

export type Validity = { readonly from?: Date; readonly to?: Date };
export type Issued = { readonly certificate: string; readonly privateKey: string };
type Subject = Validity & {
  readonly name: string;
  readonly key: KeyObject;
  readonly isAuthority: boolean;
  /** Host names, IPv4 addresses and URIs. */
  readonly hosts: readonly string[];
};
type Issuer = { readonly name: string; readonly key: KeyObject };

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

const authority = (self: Issuer, certificate: string): Authority => ({
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

const nameOf = (commonName: string): Buffer => sequence(set(sequence(oid(OID.commonName), utf8(commonName))));

const extension = (id: string, isCritical: boolean, value: Buffer): Buffer =>
  sequence(oid(id), ...(isCritical ? [truth(true)] : []), bytes(value));

/** RFC 5280 §4.2.1.6: dNSName is [2], uniformResourceIdentifier (a SPIFFE id) [6], iPAddress [7]. */
const alternativeName = (host: string): Buffer =>
  isIPv4(host)
    ? tagged(7, Buffer.from(host.split('.').map(Number)))
    : tagged(host.includes('://') ? 6 : 2, Buffer.from(host, 'latin1'));

function certify({ name, key, isAuthority, hosts, from, to }: Subject, issuer: Issuer): string {
  const algorithm = sequence(oid(OID.ecdsaWithSha256));
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40; // positive, and never a leading zero
  const extensions = [
    extension(OID.basicConstraints, true, sequence(...(isAuthority ? [truth(true)] : []))),
    extension(OID.keyUsage, true, bits(isAuthority ? SIGNS_CERTIFICATES : SIGNS_DATA)),
    ...(hosts.length === 0 ? [] : [extension(OID.subjectAltName, false, sequence(...hosts.map(alternativeName)))]),
  ];
  const toBeSigned = sequence(
    explicit(0, integer(Buffer.from([2]))), // v3
    integer(serial),
    algorithm,
    nameOf(issuer.name),
    sequence(time(from ?? new Date(Date.now() - DAY_MS)), time(to ?? new Date(Date.now() + DAY_MS))),
    nameOf(name),
    key.export({ type: 'spki', format: 'der' }),
    explicit(3, sequence(...extensions)),
  );
  const signature = sign('sha256', toBeSigned, issuer.key);
  const der = sequence(toBeSigned, algorithm, bits(Buffer.concat([Buffer.from([0]), signature])));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
