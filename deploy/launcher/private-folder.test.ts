import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { preparePrivateFolder } from './private-folder.ts';

function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tenantry-private-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const modeOf = (folder: string): number => statSync(folder).mode & 0o7777;

it('makes the data folder for its owner alone', () => {
  const folder = join(freshFolder(), 'deep', 'data');
  preparePrivateFolder(folder);
  expect(modeOf(folder)).toBe(0o700);
});

it.each([
  ['is empty', [], 0o755, 0o700],
  ['was a data folder before', ['children.json', 'something'], 0o755, 0o700],
  ['has another use', ['www'], 0o755, 0o755],
  ['is for everybody, as /tmp is', ['children.json'], 0o1777, 0o1777],
])('with a folder that %s', (_, content, before, after) => {
  const folder = join(freshFolder(), 'data');
  mkdirSync(folder);
  for (const name of content) writeFileSync(join(folder, name), '');
  chmodSync(folder, before);
  preparePrivateFolder(folder);
  expect(modeOf(folder)).toBe(after);
});
