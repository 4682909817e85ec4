import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { eventually } from '../../tests/support/eventually.ts';
import { StateFile, UnreadableState } from './state-file.ts';

type State = { readonly version: 1; readonly count: number };

function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'state-file-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

describe('A state file', () => {
  it('gives back what was written, from a folder of its own making that only its owner reads', async () => {
    const path = join(freshFolder(), 'deep', 'state.json');
    const file = new StateFile<State>(path, () => ({ version: 1, count: 3 }));
    expect(file.load(1)).toBeUndefined();
    file.touch();
    await file.close();
    expect(new StateFile<State>(path, () => ({ version: 1, count: 0 })).load(1)).toEqual({ version: 1, count: 3 });
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('writes many changes at once, soon, and nothing when there were none', async () => {
    const folder = freshFolder();
    const snapshot = vi.fn((): State => ({ version: 1, count: 1 }));
    const file = new StateFile<State>(join(folder, 'state.json'), snapshot);
    await file.close();
    expect(readdirSync(folder)).toEqual([]);
    for (let change = 0; change < 100; change++) file.touch();
    await eventually(() => expect(readdirSync(folder)).toEqual(['state.json']));
    expect(snapshot).toHaveBeenCalledOnce();
  });

  it('tries again after a write that failed', async () => {
    const said = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    onTestFinished(() => said.mockRestore());
    const path = join(freshFolder(), 'state.json');
    const file = new StateFile<State>(path, () => ({ version: 1, count: 1 }));
    mkdirSync(`${path}.next`);
    file.touch();
    await eventually(() => expect(said).toHaveBeenCalled());
    rmdirSync(`${path}.next`);
    await eventually(() => expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ version: 1, count: 1 }));
  });

  it.each(['{"version":2}', '[]', 'null'])('stops over %s, which another version wrote', (text) => {
    const path = join(freshFolder(), 'state.json');
    writeFileSync(path, text);
    const file = new StateFile<State>(path, () => ({ version: 1, count: 0 }));
    expect(() => file.load(1)).toThrow('another version');
  });

  it('tells a broken file apart, and can set it aside', () => {
    const folder = freshFolder();
    writeFileSync(join(folder, 'state.json'), '{');
    const file = new StateFile<State>(join(folder, 'state.json'), () => ({ version: 1, count: 0 }));
    expect(() => file.load(1)).toThrow(UnreadableState);
    const aside = file.setAside();
    expect(readFileSync(aside, 'utf8')).toBe('{');
    expect(file.load(1)).toBeUndefined();
  });
});
