import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const run = promisify(execFile);

it('A process that has used every part ends by itself: no timer, no listener keeps it alive', async () => {
  const program = new URL('uses-everything.ts', import.meta.url).pathname;
  // Rejects if it has to be killed.
  const { stdout } = await run(process.execPath, [program], { timeout: 20_000, killSignal: 'SIGKILL' });
  expect(JSON.parse(stdout)).toEqual({ timers: 0, isRamping: true });
}, 30_000);
