import { type CipherKey, createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const FORMAT = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** AES-256-GCM; `boundTo` is authenticated too, so that a text sealed for one place does not open in another. */
export function sealText(key: CipherKey, boundTo: string, text: string): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(Buffer.from(boundTo));
  const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return Buffer.concat([Buffer.from([FORMAT]), nonce, body, cipher.getAuthTag()]);
}

/** Throws for anything but what `sealText` gave for this key and place; the error tells nothing of the text. */
export function openSealedText(key: CipherKey, boundTo: string, bytes: Buffer): string {
  if (bytes.length < 1 + NONCE_BYTES + TAG_BYTES || bytes[0] !== FORMAT)
    throw new Error(`The secret ${boundTo} is damaged.`);
  const nonce = bytes.subarray(1, 1 + NONCE_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(boundTo));
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
  const body = bytes.subarray(1 + NONCE_BYTES, bytes.length - TAG_BYTES);
  return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8');
}

/** With the first of the keys that opens it. */
export function openWithAny(keys: readonly CipherKey[], boundTo: string, bytes: Buffer): string {
  let failure: unknown = new RangeError('There is no key to open it with.');
  for (const key of keys) {
    try {
      return openSealedText(key, boundTo, bytes);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

/** Sealed anew under the first of the keys; null when it is already. Throws when none opens it. */
export function resealText(keys: readonly [CipherKey, ...CipherKey[]], boundTo: string, bytes: Buffer): Buffer | null {
  const [current, ...previous] = keys;
  try {
    openSealedText(current, boundTo, bytes);
    return null;
  } catch (error) {
    if (previous.length === 0) throw error;
    return sealText(current, boundTo, openWithAny(previous, boundTo, bytes));
  }
}
