import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockFolder } from './folder-lock.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tenantry-lock-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('The lock of a data folder', () => {
  it('is held by one, until it is released', () => {
    const first = lockFolder(folder);
    expect(() => lockFolder(folder)).toThrow(`is already running on ${folder} (pid ${process.pid})`);
    first.release();
    lockFolder(folder).release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([
    ['of a process that is gone', '999999999 1 boot'],
    ['of an earlier process with a number that lives again', `${process.pid} 1 an-earlier-boot`],
    ['that was cut short', ''],
  ])('is taken over from a lock %s', (_, content) => {
    writeFileSync(join(folder, 'lock'), content);
    lockFolder(folder).release();
    expect(readdirSync(folder)).toEqual([]);
  });
});
