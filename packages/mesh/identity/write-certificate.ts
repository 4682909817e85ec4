import { type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { bits, bytes, explicit, integer, oid, sequence, set, tagged, time, truth, utf8 } from './der.ts';

/** RFC 5280, and RFC 5758 §3.2 for ECDSA: just enough of it for authorities and for what they vouch for. */
const OID = {
  commonName: '2.5.4.3',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  basicConstraints: '2.5.29.19',
  keyUsage: '2.5.29.15',
  extendedKeyUsage: '2.5.29.37',
  subjectAltName: '2.5.29.17',
  serverAuthentication: '1.3.6.1.5.5.7.3.1',
  clientAuthentication: '1.3.6.1.5.5.7.3.2',
} as const;

/** digitalSignature; keyCertSign and cRLSign. The first octet says how many bits of the last one do not count. */
const SIGNS_DATA = Buffer.from([0x07, 0x80]);
const SIGNS_CERTIFICATES = Buffer.from([0x01, 0x06]);

export type CertificateSubject = {
  readonly name: string;
  /** The public key that is vouched for, P-256. */
  readonly key: KeyObject;
  readonly isAuthority: boolean;
  /** Host names, IPv4 addresses and URIs. */
  readonly hosts: readonly string[];
  /** To the second; both at most 2049. */
  readonly from: Date;
  readonly to: Date;
};

/** Its key is a private one. */
export type CertificateIssuer = { readonly name: string; readonly key: KeyObject };

const nameOf = (commonName: string): Buffer => sequence(set(sequence(oid(OID.commonName), utf8(commonName))));

const extension = (id: string, isCritical: boolean, value: Buffer): Buffer =>
  sequence(oid(id), ...(isCritical ? [truth(true)] : []), bytes(value));

/** RFC 5280 §4.2.1.6: dNSName is [2], uniformResourceIdentifier (a SPIFFE id) [6], iPAddress [7]. */
const alternativeName = (host: string): Buffer =>
  isIPv4(host)
    ? tagged(7, Buffer.from(host.split('.').map(Number)))
    : tagged(host.includes('://') ? 6 : 2, Buffer.from(host, 'latin1'));

/** A new serial number: 16 octets of chance, positive, and never a leading zero (RFC 5280 §4.1.2.2). Lower-case hex. */
export function newSerial(): string {
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial.toString('hex');
}

/** An X.509 certificate (RFC 5280), PEM, signed with ECDSA and SHA-256. */
export function writeCertificate(
  { name, key, isAuthority, hosts, from, to }: CertificateSubject,
  issuer: CertificateIssuer,
  serial: string = newSerial(),
): string {
  const algorithm = sequence(oid(OID.ecdsaWithSha256));
  const extensions = [
    extension(OID.basicConstraints, true, sequence(...(isAuthority ? [truth(true)] : []))),
    extension(OID.keyUsage, true, bits(isAuthority ? SIGNS_CERTIFICATES : SIGNS_DATA)),
    ...(isAuthority
      ? []
      : [
          extension(
            OID.extendedKeyUsage,
            false,
            sequence(oid(OID.serverAuthentication), oid(OID.clientAuthentication)),
          ),
        ]),
    ...(hosts.length === 0 ? [] : [extension(OID.subjectAltName, false, sequence(...hosts.map(alternativeName)))]),
  ];
  const toBeSigned = sequence(
    explicit(0, integer(Buffer.from([2]))), // v3
    integer(Buffer.from(serial, 'hex')),
    algorithm,
    nameOf(issuer.name),
    sequence(time(from), time(to)),
    nameOf(name),
    key.export({ type: 'spki', format: 'der' }),
    explicit(3, sequence(...extensions)),
  );
  const signature = sign('sha256', toBeSigned, issuer.key);
  const der = sequence(toBeSigned, algorithm, bits(Buffer.concat([Buffer.from([0]), signature])));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
