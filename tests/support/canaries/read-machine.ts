import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Piece } from './find-canaries.ts';

/** Gone since we heard of it, or another user's. */
const OUT_OF_REACH = new Set(['ENOENT', 'ESRCH', 'EACCES', 'EPERM']);

function ifThere<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && 'code' in error && OUT_OF_REACH.has(String(error.code))) return null;
    throw error;
  }
}

/** Every file of a data folder, as it lies there. */
export function* readFolder(folder: string, under = folder): Generator<Piece> {
  for (const entry of ifThere(() => readdirSync(under, { withFileTypes: true })) ?? []) {
    const path = join(under, entry.name);
    if (entry.isDirectory()) yield* readFolder(folder, path);
    const content = entry.isFile() ? ifThere(() => readFileSync(path)) : null;
    if (content !== null) yield { place: `file ${relative(folder, path)}`, content };
  }
}

/** What `ps` shows of each child, and its environment. */
export function* readProcesses(dataDir: string): Generator<Piece> {
  const children: { name: string; identity: string }[] = JSON.parse(
    readFileSync(join(dataDir, 'children.json'), 'utf8'),
  );
  for (const { name, identity } of children)
    for (const pid of withDescendants(Number.parseInt(identity, 10))) {
      const read = (file: string): string => ifThere(() => readFileSync(`/proc/${pid}/${file}`, 'latin1')) ?? '';
      yield { place: `command line of ${name}`, content: read('cmdline') };
      for (const variable of read('environ').split('\0')) {
        const end = variable.indexOf('=');
        // A server that writes its title over them leaves only zeros.
        if (end > 0)
          yield { place: `environment of ${name}: ${variable.slice(0, end)}`, content: variable.slice(end + 1) };
      }
    }
}

function withDescendants(pid: number): readonly number[] {
  const children = ifThere(() => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()) ?? '';
  return [pid, ...(children === '' ? [] : children.split(' ').map(Number).flatMap(withDescendants))];
}
