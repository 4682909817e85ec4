import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newId } from '@tenantry/kernel/id.ts';
import { createLogger } from '@tenantry/kit/logger.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CountedUse } from './give-back.ts';
import { takeJournals, UseJournal } from './use-journal.ts';

const logger = createLogger({ service: 'gateway', instanceId: 'test', level: 'silent' });
const newUse = (feature = 'api-calls'): CountedUse => ({
  usageId: newId('usg'),
  tenantId: newId('ten'),
  subscriberId: newId('usr'),
  feature,
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
});

let folder: string;
let journals: UseJournal[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tenantry-uses-'));
  journals = [];
});
afterEach(() => {
  for (const journal of journals) journal.close();
  rmSync(folder, { recursive: true });
});

const open = (): UseJournal => {
  const journal = new UseJournal(folder, logger);
  journals.push(journal);
  return journal;
};
const taken = (): CountedUse[] => takeJournals(folder).flatMap(({ uses }) => [...uses]);
/** As if this process had been killed: another one looks, to which ours is one that is no more. */
function die(change = (name: string): string => name): void {
  for (const name of readdirSync(folder)) {
    const bytes = readFileSync(join(folder, name));
    rmSync(join(folder, name));
    writeFileSync(join(folder, change(name.replace(`.${process.pid}.`, '.4194303.'))), bytes);
  }
}

describe.skipIf(process.platform !== 'linux')('The uses that a process has in hand', () => {
  it('are found when it is dead, but for those that are settled, however their places were used before', () => {
    const journal = open();
    const [first, second, third] = [newUse('a-name-that-is-longer-than-the-next-one'), newUse(), newUse()];
    const noted = journal.note(first);
    journal.note(second);
    noted.settle();
    noted.settle();
    journal.note(third);
    const short = newUse('x');
    journal.note(short).settle();
    die();
    expect(new Set(taken().map(({ usageId }) => usageId))).toEqual(new Set([second.usageId, third.usageId]));
  });

  it('are nobody else’s while it runs', () => {
    open().note(newUse());
    expect(taken()).toEqual([]);
    expect(readdirSync(folder)).toHaveLength(1);
  });

  it('are taken by one of many who look, and stay until they are given back', () => {
    open().note(newUse());
    die();
    const [mine] = takeJournals(folder);
    expect(mine?.uses).toHaveLength(1);
    expect(takeJournals(folder)).toEqual([]);
    expect(readdirSync(folder)).toHaveLength(1); // and another one's, should this process die too
    mine?.forget();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('are not believed after another start of the machine: what was struck out last may be lost', () => {
    open().note(newUse());
    die((name) => name.replace(/-[0-9a-f]{8}-/, '-00000000-'));
    expect(taken()).toEqual([]);
  });

  it('are not taken from a process with a number that was given again', async () => {
    const other = spawn('sleep', ['60']);
    try {
      open().note(newUse());
      for (const name of readdirSync(folder)) {
        const bytes = readFileSync(join(folder, name));
        rmSync(join(folder, name));
        writeFileSync(join(folder, name.replace(`.${process.pid}.`, `.${other.pid}.`)), bytes);
      }
      expect(taken()).toHaveLength(1); // of the dead one, not of whoever has its number now
    } finally {
      other.kill('SIGKILL');
      await once(other, 'exit');
    }
  });

  it('leave no file where nothing is left', () => {
    const journal = open();
    journal.note(newUse()).settle();
    journal.close();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('that do not fit, or of which half was written, are not there', () => {
    const journal = open();
    journal.note(newUse('x'.repeat(600)));
    const half = newUse();
    journal.note(half);
    const [name = ''] = readdirSync(folder);
    const bytes = readFileSync(join(folder, name));
    writeFileSync(join(folder, name), bytes.subarray(0, 40));
    die();
    expect(taken()).toEqual([]);
  });
});
