import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkImports } from './check/imports.ts';
import { checkLock } from './check/lock.ts';
import { runCommand } from './embedded/run-command.ts';

/** `npm run check`: everything that can be said about the code without running it. Every check runs, whatever the others say. */
const ROOT = fileURLToPath(new URL('../', import.meta.url));

async function tool(name: string, ...args: string[]): Promise<string[]> {
  const ran = await runCommand(join(ROOT, 'node_modules', '.bin', name), args, { cwd: ROOT });
  if (ran.code === 0) return [];
  const said = `${ran.stdout}\n${ran.stderr}`.trim().split('\n');
  return said.some((line) => line.trim() !== '') ? said : [`${name} ended with exit code ${ran.code}.`];
}

const CHECKS: readonly { readonly name: string; readonly run: () => Promise<string[]> }[] = [
  { name: 'types (tsc)', run: () => tool('tsc', '-p', 'tsconfig.json') },
  { name: 'style (biome)', run: () => tool('biome', 'check', '--error-on-warnings', '.') },
  { name: 'imports (dependency-cruiser)', run: () => checkImports(ROOT) },
  { name: 'unused code (knip)', run: () => tool('knip', '--no-progress') },
  { name: 'lock file', run: async () => checkLock(JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'))) },
];

const failed: string[] = [];
for (const check of CHECKS) {
  const startedMs = performance.now();
  const findings = await check
    .run()
    .catch((cause: unknown) => [cause instanceof Error ? cause.message : String(cause)]);
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  if (findings.length > 0) failed.push(check.name);
  console.log(`${findings.length === 0 ? 'ok    ' : 'FAILED'}  ${check.name} (${seconds} s)`);
  for (const finding of findings) console.log(`        ${finding}`);
}
console.log(failed.length === 0 ? 'All checks passed.' : `Failed: ${failed.join(', ')}.`);
process.exitCode = failed.length === 0 ? 0 : 1;
