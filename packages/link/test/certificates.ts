import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/** What `tls` takes: PEM texts. */
export type Identity = { readonly key: string; readonly cert: string };
export type Authority = Identity & { readonly issue: (spiffeId: string) => Identity };

// X.690: a tag, a length, the content.
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const size = content.length;
  const length = size < 128 ? [size] : size < 256 ? [0x81, size] : [0x82, size >>> 8, size & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}
const sequence = (...parts: readonly Uint8Array[]): Buffer => der(0x30, ...parts);
const octets = (hex: string): Buffer => Buffer.from(hex, 'hex');
const identifier = (hex: string): Buffer => der(0x06, octets(hex));
const time = (at: Date): Buffer => der(0x17, Buffer.from(`${at.toISOString().slice(2, 19).replace(/[-T:]/g, '')}Z`));

const ECDSA_WITH_SHA256 = sequence(identifier('2a8648ce3d040302'));
const COMMON_NAME = '550403';
const SUBJECT_ALTERNATIVE_NAME = '551d11';
const BASIC_CONSTRAINTS = '551d13';
const IS_AUTHORITY = octets('30030101ff');

const nameOf = (text: string): Buffer =>
  sequence(der(0x31, sequence(identifier(COMMON_NAME), der(0x0c, Buffer.from(text)))));
const extension = (id: string, value: Uint8Array): Buffer => sequence(identifier(id), der(0x04, value));

/** RFC 5280 §4.1: version 3, P-256, an hour. */
function certify(
  names: { readonly subject: string; readonly issuer: string },
  subjectKey: KeyObject,
  issuerKey: KeyObject,
  extensions: readonly Buffer[],
): string {
  const nowMs = Date.now();
  const serial = Buffer.concat([Buffer.from([1]), randomBytes(15)]);
  const content = sequence(
    der(0xa0, octets('020102')),
    der(0x02, serial),
    ECDSA_WITH_SHA256,
    nameOf(names.issuer),
    sequence(time(new Date(nowMs - 60_000)), time(new Date(nowMs + 3_600_000))),
    nameOf(names.subject),
    subjectKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions)),
  );
  const signature = der(0x03, Buffer.from([0]), sign('sha256', content, issuerKey));
  const body = sequence(content, ECDSA_WITH_SHA256, signature).toString('base64');
  return `-----BEGIN CERTIFICATE-----\n${body.replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`;
}

const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pemOf = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();

/** An authority of a test's own: P-256, certificates for one hour with a SPIFFE id and `localhost`. */
export function createAuthority(name: string): Authority {
  const root = newKey();
  const key = pemOf(root.privateKey);
  return {
    key,
    cert: certify({ subject: name, issuer: name }, root.publicKey, createPrivateKey(key), [
      extension(BASIC_CONSTRAINTS, IS_AUTHORITY),
    ]),
    issue(spiffeId) {
      const leaf = newKey();
      const names = sequence(der(0x86, Buffer.from(spiffeId)), der(0x82, Buffer.from('localhost')));
      const extensions = [extension(SUBJECT_ALTERNATIVE_NAME, names)];
      const cert = certify({ subject: spiffeId, issuer: name }, leaf.publicKey, root.privateKey, extensions);
      return { key: pemOf(leaf.privateKey), cert };
    },
  };
}
