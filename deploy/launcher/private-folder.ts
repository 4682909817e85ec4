import { chmodSync, mkdirSync, readdirSync, statSync } from 'node:fs';

const OPEN_TO_OTHERS = 0o077;
const STICKY = 0o1000;

// What an earlier start or a test run leaves in a data folder.
const MARKS = new Set(['master.key', 'children.json', 'compile-cache']);

/**
 * Makes the data folder, or shuts one that is there to everybody else. Not one that has another use as well: somebody who
 * names /srv as data folder must not find it shut for the whole machine.
 */
export function preparePrivateFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { mode, uid } = statSync(folder);
  if ((mode & OPEN_TO_OTHERS) === 0 || (mode & STICKY) !== 0 || uid !== process.getuid?.()) return;
  const content = readdirSync(folder);
  if (content.length === 0 || content.some((name) => MARKS.has(name))) chmodSync(folder, 0o700);
}
