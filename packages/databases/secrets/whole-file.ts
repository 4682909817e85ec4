import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Written beside, flushed, then renamed: a crash leaves the old bytes or the new. For its owner alone. */
export const replaceFile = (path: string, bytes: Buffer): Promise<void> =>
  placeFile(path, bytes, (beside) => rename(beside, path));

/** The same for a file that must not be there yet: of several at once one wins, and the others hear `false`. */
export async function createFile(path: string, bytes: Buffer): Promise<boolean> {
  try {
    await placeFile(path, bytes, async (beside) => {
      await link(beside, path);
      await rm(beside);
    });
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

/** Only what is not there is missing: a file that cannot be read must not pass for one that was never written. */
export async function readIfThere(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
}

export const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;

async function placeFile(path: string, bytes: Buffer, place: (beside: string) => Promise<void>): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const beside = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    const file = await open(beside, 'wx', 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await place(beside);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
  await syncFolder(folder);
}

/** The name is in the folder, which has to reach the disk as well. */
export async function syncFolder(folder: string): Promise<void> {
  const directory = await open(folder, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
