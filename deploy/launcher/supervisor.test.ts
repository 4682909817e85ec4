import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { eventually } from '../../tests/support/eventually.ts';
import { startChild } from '../embedded/child.ts';
import { Supervised } from './supervisor.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenantry-supervisor-'));
let child: Supervised | undefined;
afterEach(async () => {
  await child?.stop(5_000);
  rmSync(folder, { recursive: true, force: true });
});

it('A child that lives and does not work is ended and started again, and one that is slow once is left alone', async () => {
  const said: string[] = [];
  let looks = 0;
  let isWell = true;
  child = new Supervised({
    name: 'Sleeper',
    logFile: join(folder, 'log'),
    say: (sentence) => said.push(sentence),
    lookEveryMs: 10,
    isWell: async () => {
      looks++;
      // Five bad looks in a row, then a good one.
      return isWell && looks % 6 === 0;
    },
    start: async (onSpawn) => {
      await startChild({
        name: 'Sleeper',
        command: process.execPath,
        args: ['-e', 'process.on("SIGTERM", () => undefined); setInterval(() => undefined, 1_000)'],
        logFile: join(folder, 'log'),
        stopSignal: 'SIGTERM',
        isReady: async () => true,
        onSpawn,
      });
    },
  });
  await child.start();
  const first = child.pid;
  await eventually(() => expect(looks).toBeGreaterThan(24));
  expect([child.pid, said]).toEqual([first, []]);
  isWell = false;
  await eventually(() => expect(said[0]).toBe('Sleeper lives and does not answer; ending it.'));
  isWell = true;
  await eventually(() => expect(said.at(-1)).toMatch(/^Sleeper is running again/));
  expect(child.pid).not.toBe(first);
});
