import { createHash, createSecretKey, type KeyObject } from 'node:crypto';
import type { RotatableKeyring } from '../keyring.ts';
import type { VaultClient } from './client.ts';
import type { VaultAnswer, VaultRequest } from './http.ts';
import { VAULT_STALE_MS } from './kv-secrets.ts';
import { createLastKnown } from './last-known.ts';
import { VaultRefusal } from './refusal.ts';
import { member } from './tokens.ts';

/** What the keys of tenants are wrapped with; a key per purpose, and this is the one so far. */
const PURPOSE = 'data-keys';
const WRAPPED = /^vault:v([1-9][0-9]*):[A-Za-z0-9+/=]+$/;
const FRESH_MS = 5 * 60_000;
const MAX_KEPT = 1_000;

/**
 * A keyring inside Vault's transit engine: it wraps, and never gives away what it wraps with. The place that something is
 * bound to is the context from which Vault derives the key, so what was wrapped for another place does not open. An unwrapped
 * key is kept for a while by what it was wrapped into: whoever was erased has lost that, so nothing is opened for longer.
 */
export function createTransitKeyring(options: {
  readonly client: VaultClient;
  readonly mount: string;
  readonly nowMs?: () => number;
}): RotatableKeyring {
  const { client, mount } = options;
  const known = createLastKnown<KeyObject>({
    freshMs: FRESH_MS,
    staleMs: VAULT_STALE_MS,
    maxEntries: MAX_KEPT,
    ...(options.nowMs === undefined ? {} : { nowMs: options.nowMs }),
  });
  const post = (what: string, path: string, body: VaultRequest['body'], isIdempotent = true): Promise<VaultAnswer> =>
    client.ask(what, {
      method: 'POST',
      path: `${mount}/${path}`,
      ...(body === undefined ? {} : { body }),
      isIdempotent,
    });
  const contextOf = (boundTo: string): string => Buffer.from(boundTo).toString('base64');

  const decrypt = async (boundTo: string, ciphertext: string): Promise<KeyObject> => {
    const body = { ciphertext, context: contextOf(boundTo) };
    const { body: answer } = await post('unwrap a key', `decrypt/${PURPOSE}`, body).catch(explainRetired);
    return createSecretKey(textIn(answer, 'plaintext'), 'base64');
  };

  /** Null while there is none. */
  const describeKey = async (): Promise<unknown> => {
    const path = `${mount}/keys/${PURPOSE}`;
    const { status, body } = await client.ask('tell of its key', { method: 'GET', path, isIdempotent: true });
    return status === 404 ? null : member(body, 'data');
  };

  const generations: RotatableKeyring['generations'] = async () => {
    const description = await describeKey();
    const keys = description === null ? {} : member(description, 'keys');
    if (typeof keys !== 'object' || keys === null) throw new Error('Vault does not tell the versions of its key.');
    return Object.entries(keys)
      .map(([number, begunAt]) => ({
        number: Number(number),
        begunAt: Temporal.Instant.fromEpochMilliseconds(Number(begunAt) * 1_000),
      }))
      .toSorted((a, b) => a.number - b.number);
  };

  return {
    async wrap(boundTo, key) {
      const body = { plaintext: key.export().toString('base64'), context: contextOf(boundTo) };
      const { body: answer } = await post('wrap a key', `encrypt/${PURPOSE}`, body);
      return Buffer.from(textIn(answer, 'ciphertext'));
    },
    async unwrap(boundTo, wrapped) {
      const ciphertext = ciphertextIn(wrapped);
      const name = createHash('sha256').update(boundTo).update('\0').update(ciphertext).digest('base64url');
      const key = await known.get(name, () => decrypt(boundTo, ciphertext));
      if (key === null) throw new Error('Vault gave no key.');
      return key;
    },
    async rewrap(boundTo, wrapped) {
      const ciphertext = ciphertextIn(wrapped);
      const body = { ciphertext, context: contextOf(boundTo) };
      const { body: answer } = await post('wrap a key anew', `rewrap/${PURPOSE}`, body).catch(explainRetired);
      const anew = textIn(answer, 'ciphertext');
      return versionOf(anew) === versionOf(ciphertext) ? null : Buffer.from(anew);
    },
    generations,
    async beginGeneration() {
      if ((await generations()).length === 0) {
        await post('make a key', `keys/${PURPOSE}`, { type: 'aes256-gcm96', derived: true });
      } else {
        // Not repeated when the answer is lost: each would be a generation of its own.
        await post('rotate a key', `keys/${PURPOSE}/rotate`, {}, false);
      }
      return (await generations()).at(-1)?.number ?? 1;
    },
    async retire(generation) {
      const description = await describeKey();
      if (generation >= Number(member(description, 'latest_version') ?? 0))
        throw new RangeError('The newest generation of the keyring is in use.');
      // It is gone already, with those before it.
      if (generation < Number(member(description, 'min_available_version') ?? 0)) return;
      const least = generation + 1;
      const limits = { min_decryption_version: least, min_encryption_version: least };
      await post('retire a key', `keys/${PURPOSE}/config`, limits);
      await post('destroy a key', `keys/${PURPOSE}/trim`, { min_available_version: least });
    },
  };
}

function ciphertextIn(wrapped: Buffer): string {
  const text = wrapped.toString('latin1');
  if (WRAPPED.test(text)) return text;
  throw new Error('A key is damaged, or was wrapped by the keyring of another engine of secrets.');
}

const versionOf = (ciphertext: string): number => Number(WRAPPED.exec(ciphertext)?.[1] ?? 0);

function textIn(answer: unknown, name: string): string {
  const text = member(member(answer, 'data'), name);
  if (typeof text !== 'string') throw new Error(`Vault gave no ${name}.`);
  return text;
}

function explainRetired(error: unknown): never {
  if (error instanceof VaultRefusal && error.reasons.some((reason) => /too old/.test(reason)))
    throw new Error('The generation of the keyring that a key was wrapped with was retired.', { cause: error });
  throw error;
}
