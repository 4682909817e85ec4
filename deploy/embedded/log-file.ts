import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

const KEPT_BYTES = 20 * 1024 * 1024;

/** Opens a log for appending; one that has grown large is put aside first, so that a folder never holds more than two generations. */
export function openLog(file: string): number {
  mkdirSync(dirname(file), { recursive: true });
  if (existsSync(file) && statSync(file).size > KEPT_BYTES) renameSync(file, `${file}.old`);
  return openSync(file, 'a', 0o600);
}

export function closeLog(descriptor: number): void {
  closeSync(descriptor);
}

/** Where the log ends now: what a server writes later can be told from what earlier runs wrote. */
export function logEnd(file: string): number {
  return existsSync(file) ? statSync(file).size : 0;
}

/** The last lines written after `from` (bytes). */
export function lastLogLines(file: string, from = 0, count = 12): string[] {
  if (!existsSync(file)) return [];
  const content = readFileSync(file);
  const lines = content
    .subarray(content.length < from ? 0 : from)
    .toString('utf8')
    .trimEnd()
    .split('\n');
  return lines.filter((line) => line.trim() !== '').slice(-count);
}
