import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { countTests } from './check/count-tests.ts';

/** `npm test [-- vitest's arguments]`: vitest as usual, and one plain line with the count at the end. */
const ROOT = fileURLToPath(new URL('../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tenantry-test-report-'));
const reportFile = join(folder, 'report.json');

const vitest = spawn(
  process.execPath,
  [
    join(ROOT, 'node_modules', 'vitest', 'vitest.mjs'),
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${reportFile}`,
    ...process.argv.slice(2),
  ],
  // A group of its own: a terminal's Ctrl-C must reach vitest once, for at the second it leaves without stopping the stores.
  { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'], detached: true },
);
let hasPassedOn = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (!hasPassedOn) vitest.kill('SIGINT');
    hasPassedOn = true;
  });
}
const [code] = (await once(vitest, 'exit')) as [number | null];
const exitCode = code ?? 1;

let report: unknown;
try {
  report = JSON.parse(readFileSync(reportFile, 'utf8'));
} catch {
  // vitest ended before it could write one; the count says that something failed.
}
rmSync(folder, { recursive: true, force: true });
const { passed, failed } = countTests(report, exitCode);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = exitCode;
