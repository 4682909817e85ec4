import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { deriveKeys } from '../credentials.ts';
import { openSealedText, openWithAny, resealText, sealText } from './sealed-text.ts';
import { createFile, hasCode, readIfThere, replaceFile, syncFolder } from './whole-file.ts';

/** The keys that wrap keys, in generations. What is wrapped names the generation that it was wrapped with. */
export type Keyring = {
  /** Wraps with the newest generation, and makes the first one where there is none. */
  readonly wrap: (boundTo: string, key: KeyObject) => Promise<Buffer>;
  /** Throws for what is not there, was retired, or was wrapped for another place. */
  readonly unwrap: (boundTo: string, wrapped: Buffer) => Promise<KeyObject>;
  /** The same key wrapped with the newest generation; null when it is already. */
  readonly rewrap: (boundTo: string, wrapped: Buffer) => Promise<Buffer | null>;
};

/** What only whoever rotates needs. */
export type RotatableKeyring = Keyring & {
  readonly generations: () => Promise<readonly Generation[]>;
  /** Adds a generation; of two at the same instant both get the same one. */
  readonly beginGeneration: () => Promise<number>;
  /** Destroys a generation for good: what is still wrapped with it opens no more. Never the newest. */
  readonly retire: (generation: number) => Promise<void>;
};

export type Generation = { readonly number: number; readonly begunAt: Temporal.Instant };

const NUMBER_BYTES = 4;
const NAME = /^([1-9][0-9]{0,8})\.key$/;

/** Where the keyring of a house lies. */
export const keyringFolder = (dataDir: string): string => join(dataDir, 'secrets', 'keyring');

/**
 * One file per generation, sealed under the master key. A generation is made by linking its file into place and never
 * changed, so there is no list that two writers could spoil; the highest number is the newest. The folder is read anew each
 * time: a generation begun or retired by one process counts at once for all of them.
 */
export function openKeyring(options: {
  readonly folder: string;
  readonly masterKey: string;
  readonly now?: () => Temporal.Instant;
}): RotatableKeyring {
  const { folder, now = () => Temporal.Now.instant() } = options;
  const sealingKeys = deriveKeys(options.masterKey, 'secrets:keyring');
  const fileOf = (number: number): string => join(folder, `${number}.key`);

  const read = async (number: number): Promise<{ readonly key: KeyObject; readonly begunAt: Temporal.Instant }> => {
    const bytes = await readIfThere(fileOf(number));
    if (bytes === null) throw new Error(`Generation ${number} of the keyring is not there: it was retired or lost.`);
    const { key, begunAt } = JSON.parse(openWithAny(sealingKeys, placeOf(number), bytes)) as Record<
      'key' | 'begunAt',
      string
    >;
    return { key: createSecretKey(key, 'base64'), begunAt: Temporal.Instant.from(begunAt) };
  };

  const begin = async (number: number): Promise<number> => {
    const text = JSON.stringify({ key: randomBytes(32).toString('base64'), begunAt: now().toString() });
    await createFile(fileOf(number), sealText(sealingKeys[0], placeOf(number), text));
    return number;
  };

  const numbers = () => numbersIn(folder);
  const newest = async (): Promise<number> => (await numbers()).at(-1) ?? (await begin(1));

  const wrapWith = async (number: number, boundTo: string, key: KeyObject): Promise<Buffer> => {
    const head = Buffer.alloc(NUMBER_BYTES);
    head.writeUInt32BE(number);
    const text = key.export().toString('base64');
    return Buffer.concat([head, sealText((await read(number)).key, bind(number, boundTo), text)]);
  };

  const keyring: RotatableKeyring = {
    wrap: async (boundTo, key) => wrapWith(await newest(), boundTo, key),
    async unwrap(boundTo, wrapped) {
      const number = generationOf(wrapped);
      const { key } = await read(number);
      return createSecretKey(openSealedText(key, bind(number, boundTo), wrapped.subarray(NUMBER_BYTES)), 'base64');
    },
    async rewrap(boundTo, wrapped) {
      const number = await newest();
      if (generationOf(wrapped) === number) return null;
      return wrapWith(number, boundTo, await keyring.unwrap(boundTo, wrapped));
    },
    generations: async () =>
      Promise.all((await numbers()).map(async (number) => ({ number, begunAt: (await read(number)).begunAt }))),
    async beginGeneration() {
      return begin(((await numbers()).at(-1) ?? 0) + 1);
    },
    async retire(generation) {
      if (generation >= (await newest())) throw new RangeError('The newest generation of the keyring is in use.');
      await rm(fileOf(generation), { force: true });
      await syncFolder(folder);
    },
  };
  return keyring;
}

/** Seals what lies under the previous master key under the current one; answers how many were not. */
export async function resealKeyring(folder: string, masterKey: string): Promise<number> {
  const keys = deriveKeys(masterKey, 'secrets:keyring');
  let count = 0;
  for (const number of await numbersIn(folder)) {
    const file = join(folder, `${number}.key`);
    const bytes = await readIfThere(file);
    const anew = bytes === null ? null : resealText(keys, placeOf(number), bytes);
    if (anew === null) continue;
    await replaceFile(file, anew);
    count += 1;
  }
  return count;
}

async function numbersIn(folder: string): Promise<readonly number[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  });
  return names
    .flatMap((name) => NAME.exec(name)?.[1] ?? [])
    .map(Number)
    .toSorted((a, b) => a - b);
}

const placeOf = (number: number): string => `keyring/${number}`;

/** The number is authenticated with the rest, although a changed one would find the wrong key anyway. */
const bind = (number: number, boundTo: string): string => `generation ${number}: ${boundTo}`;

/** With which generation a key was wrapped. */
export function generationOf(wrapped: Buffer): number {
  if (wrapped.length < NUMBER_BYTES) throw new Error('A wrapped key is damaged.');
  return wrapped.readUInt32BE(0);
}
