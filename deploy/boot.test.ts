import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../tests/support/eventually.ts';

const BOOT = fileURLToPath(new URL('../boot.mjs', import.meta.url));

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tenantry-boot-'));
  copyFileSync(BOOT, join(root, 'boot.mjs'));
  writeFileSync(
    join(root, 'package-lock.json'),
    JSON.stringify({ packages: { '': {}, 'node_modules/a': { version: '1.0.0' } } }),
  );
  writeFileSync(
    join(root, 'say.ts'),
    `const said: unknown = { arguments: process.argv.slice(2), home: process.env['HOME'] ?? 'unset', cache: process.env['NODE_COMPILE_CACHE'] };
     console.log(JSON.stringify(said)); process.exitCode = 7;`,
  );
  // Stands in for npm: installs a Node that is the running one, and writes down how it was called.
  writeFileSync(
    join(root, 'npm.cjs'),
    `const { mkdirSync, symlinkSync, writeFileSync, copyFileSync, rmSync } = require('node:fs');
     mkdirSync('node_modules/.bin', { recursive: true });
     rmSync('node_modules/.bin/node', { force: true });
     symlinkSync(process.execPath, 'node_modules/.bin/node');
     copyFileSync('package-lock.json', 'node_modules/.package-lock.json');
     writeFileSync('called.json', JSON.stringify({ arguments: process.argv.slice(2), environment: process.env }));
     process.exit(Number(process.env.FAKE_NPM_EXIT ?? 0));`,
  );
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

type Outcome = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

async function boot(args: string[], environment: Record<string, string> = {}): Promise<Outcome> {
  const child = spawn(process.execPath, [join(root, 'boot.mjs'), ...args], {
    env: { PATH: process.env['PATH'], npm_execpath: join(root, 'npm.cjs'), HOME: root, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

const called = (): { arguments: string[]; environment: Record<string, string> } =>
  JSON.parse(readFileSync(join(root, 'called.json'), 'utf8'));

describe('boot.mjs', () => {
  it('installs what is locked, whatever npm settings it was started under, then runs the program', async () => {
    const first = await boot(['say.ts', 'one', '--two'], {
      NODE_ENV: 'production',
      npm_config_ignore_scripts: 'true',
      npm_config_omit: 'dev',
      npm_config_registry: 'kept',
    });
    expect(first.code).toBe(7);
    expect(first.stderr).toContain('Installing the locked dependencies with npm ci');
    expect(called().arguments.slice(0, 3)).toEqual(['ci', '--include=dev', '--ignore-scripts=false']);
    expect(called().environment).not.toHaveProperty('NODE_ENV');
    expect(called().environment).not.toHaveProperty('npm_config_ignore_scripts');
    expect(called().environment).not.toHaveProperty('npm_config_omit');
    expect(called().environment).toHaveProperty('npm_config_registry', 'kept');
    expect(JSON.parse(first.stdout)).toEqual({
      arguments: ['one', '--two'],
      home: root,
      cache: join(root, '.tenantry', 'compile-cache'),
    });
  });

  it('installs again only when the lock file says something else', async () => {
    await boot(['say.ts']);
    rmSync(join(root, 'called.json'));
    const later = new Date(Date.now() + 60_000);
    utimesSync(join(root, 'package-lock.json'), later, later);
    expect((await boot(['say.ts'])).stderr).toBe('');
    writeFileSync(
      join(root, 'package-lock.json'),
      JSON.stringify({ packages: { 'node_modules/a': { version: '2.0.0' } } }),
    );
    utimesSync(join(root, 'package-lock.json'), later, later);
    expect((await boot(['say.ts'])).stderr).toContain('Installing');
    expect(called().arguments[0]).toBe('ci');
  });

  it('takes an empty HOME for none, and keeps the npm cache with the data where the home folder cannot be written', async () => {
    const outcome = await boot(['say.ts'], { HOME: '', npm_config_cache: join(root, '~', '.npm') });
    expect(JSON.parse(outcome.stdout)).toMatchObject({ home: 'unset' });
    expect(called().environment['npm_config_cache']).not.toContain('~');
    rmSync(join(root, 'node_modules'), { recursive: true });
    writeFileSync(join(root, 'a-file'), '');
    await boot(['say.ts'], { HOME: join(root, 'a-file') });
    expect(called().environment['npm_config_cache']).toBe(join(root, '.tenantry', 'npm-cache'));
  });

  it('ends its program when the shell that npm ran it in is gone, and only npm’s', async () => {
    await boot(['say.ts']);
    const said = (name: string): string => readFileSync(join(root, name), 'utf8');
    writeFileSync(
      join(root, 'wait.ts'),
      `import { writeFileSync } from 'node:fs';
       const say = (word: string) => writeFileSync(process.argv[2] ?? '', word + ' ' + process.pid);
       process.on('SIGTERM', () => { say('ended'); process.exit(); });
       setInterval(() => undefined, 1_000);
       say('runs');`,
    );
    // Two commands, so that no shell puts the program in its own place.
    const start = (name: string, environment: Record<string, string>) =>
      spawn(
        '/bin/sh',
        ['-c', `"${process.execPath}" "${join(root, 'boot.mjs')}" wait.ts "${join(root, name)}"; true`],
        {
          env: { PATH: process.env['PATH'], HOME: root, ...environment },
          stdio: 'ignore',
        },
      );
    const shells = [start('npms', { npm_lifecycle_event: 'start' }), start('anothers', {})];
    await eventually(() => expect([said('npms'), said('anothers')].join()).toMatch(/^runs \d+,runs \d+$/));
    for (const shell of shells) shell.kill('SIGTERM');
    await eventually(() => expect(said('npms')).toMatch(/^ended/));
    const [word, pid] = said('anothers').split(' ');
    expect(word).toBe('runs');
    process.kill(Number(pid), 'SIGTERM'); // throws where nobody runs
    await eventually(() => expect(said('anothers')).toMatch(/^ended/));
  });

  it('stops in a sentence when npm fails, or leaves another Node than the locked one', async () => {
    const failed = await boot(['say.ts'], { FAKE_NPM_EXIT: '1' });
    expect(failed).toMatchObject({ code: 1, stdout: '' });
    expect(failed.stderr).toContain('npm ci failed');
    rmSync(join(root, 'node_modules'), { recursive: true, force: true });
    mkdirSync(join(root, 'node_modules', '.bin'), { recursive: true });
    writeFileSync(join(root, 'node_modules', '.bin', 'node'), '#!/bin/sh\necho v20.1.0\n', { mode: 0o755 });
    copyFileSync(join(root, 'package-lock.json'), join(root, 'node_modules', '.package-lock.json'));
    const wrong = await boot(['say.ts']);
    expect(wrong).toMatchObject({ code: 1, stdout: '' });
    expect(wrong.stderr).toMatch(/is v20\.1\.0; Tenantry needs v26/);
  });
});
