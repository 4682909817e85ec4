import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
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

export function keptMasterKey(file: string): string {
  const key = keptSecret(file, 32, 'hex');
  if (/^[0-9a-f]{64}$/.test(key)) return key;
  throw new StartFailure(
    `${file} does not hold 64 hexadecimal digits. Put the right one back: without it no secret can be read.`,
  );
}
