import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { MASTER_KEY } from '@tenantry/databases/credentials.ts';
import { StartFailure } from '../embedded/start-failure.ts';

/** A secret that is made on first use and kept in a file that only its owner can read. */
export function keptSecret(file: string, bytes: number, encoding: 'hex' | 'base64url'): string {
  if (!existsSync(file)) {
    // Written beside and renamed: a key cut short by a full disk or a kill would lock its owner out for good.
    writeFileSync(`${file}.new`, `${randomBytes(bytes).toString(encoding)}\n`, { mode: 0o600, flush: true });
    renameSync(`${file}.new`, file);
  }
  // Copied folders often lose their modes.
  chmodSync(file, 0o600);
  return readFileSync(file, 'utf8').trim();
}

/** At no instant is there another key in the file than the old text or the new one. */
export function replaceKeptSecret(file: string, text: string): void {
  writeFileSync(`${file}.new`, `${text}\n`, { mode: 0o600, flush: true });
  renameSync(`${file}.new`, file);
  const folder = openSync(dirname(file), 'r');
  fsyncSync(folder);
  closeSync(folder);
}

export function keptMasterKey(file: string): string {
  const key = keptSecret(file, 32, 'hex');
  if (new RegExp(MASTER_KEY).test(key)) return key;
  throw new StartFailure(
    `${file} does not hold 64 hexadecimal digits, nor two such keys with a comma between. Put the right one back: without it no secret can be read.`,
  );
}
