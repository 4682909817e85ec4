import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Piece } from './find-canaries.ts';

/** Every file of a data folder, as it lies there. What a store removes meanwhile is not there. */
export function* readFolder(folder: string): Generator<Piece> {
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const file = join(folder, name);
    try {
      if (!statSync(file).isFile()) continue;
      yield { place: `file ${relative(folder, file)}`, content: readFileSync(file) };
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
  }
}

/** What `ps` shows of each child, and its environment. */
export function* readProcesses(dataDir: string): Generator<Piece> {
  const children = JSON.parse(readFileSync(join(dataDir, 'children.json'), 'utf8')) as {
    name: string;
    identity: string;
  }[];
  for (const { name, identity } of children)
    for (const pid of withDescendants(Number.parseInt(identity, 10))) {
      yield { place: `command line of ${name}`, content: readFileSync(`/proc/${pid}/cmdline`) };
      for (const [variable, value] of variablesOf(pid))
        yield { place: `environment of ${name}: ${variable}`, content: value };
    }
}

function variablesOf(pid: number): readonly (readonly [string, string])[] {
  return (
    readFileSync(`/proc/${pid}/environ`, 'latin1')
      .split('\0')
      // A server that writes its title over them leaves only zeros.
      .filter((line) => line.includes('='))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const)
  );
}

function withDescendants(pid: number): readonly number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return [pid, ...(children === '' ? [] : children.split(' ').map(Number).flatMap(withDescendants))];
}
