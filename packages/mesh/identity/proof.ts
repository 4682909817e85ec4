import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto';

/**
 * What a process sends to get a certificate: its public key, and a signature by the private one that stays where it was
 * made, over the name that it asks for. As a PKCS #10 request (RFC 2986) without its wrapping: who may ask for which name is
 * settled by how the request is authenticated.
 */
export type ProvenKey = {
  /** SubjectPublicKeyInfo, DER in base64; P-256. */
  readonly publicKey: string;
  /** ECDSA with SHA-256, base64. */
  readonly proof: string;
};

const statement = (spiffeId: string): Buffer => Buffer.from(`tenantry mesh certificate for ${spiffeId}`);

export const proveKey = (spiffeId: string, publicKey: KeyObject, privateKey: KeyObject): ProvenKey => ({
  publicKey: publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
  proof: sign('sha256', statement(spiffeId), privateKey).toString('base64'),
});

/** The key, if whoever sent it has the private one to it; null for anything else. */
export function readProvenKey(spiffeId: string, { publicKey, proof }: ProvenKey): KeyObject | null {
  try {
    const key = createPublicKey({ key: Buffer.from(publicKey, 'base64'), type: 'spki', format: 'der' });
    if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') return null;
    return verify('sha256', statement(spiffeId), key, Buffer.from(proof, 'base64')) ? key : null;
  } catch {
    return null;
  }
}
