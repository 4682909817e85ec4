import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { type ChildOptions, startChild } from './child.ts';
import { freePort } from './free-port.ts';
import { StartFailure } from './start-failure.ts';
import { waitUntil } from './wait-until.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenantry-child-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const HTTP_SERVER = `
  const server = require('node:http').createServer((request, response) => response.end(String(process.pid)));
  server.listen(Number(process.argv[1]), '127.0.0.1');`;

const answers = (port: number): Promise<boolean> =>
  fetch(`http://127.0.0.1:${port}`).then(
    (answer) => answer.ok,
    () => false,
  );

async function optionsFor(name: string, script: string, changes: Partial<ChildOptions> = {}): Promise<ChildOptions> {
  const port = await freePort();
  return {
    name: 'The server',
    command: process.execPath,
    args: ['-e', script, String(port)],
    logFile: join(folder, `${name}.log`),
    stopSignal: 'SIGTERM',
    isReady: () => answers(port),
    ...changes,
  };
}

const LEASHES = process.platform === 'linux' ? (['signal', 'pipe'] as const) : (['pipe'] as const);

describe.each(LEASHES)('A server on a leash by %s', (kind) => {
  const leash = { useParentDeathSignal: kind === 'signal' };

  it('is stopped by its own signal', async () => {
    const script = `${HTTP_SERVER}; process.on('SIGTERM', () => { console.log('told to stop'); process.exit(0); })`;
    const options = await optionsFor(`stops-${kind}`, script, leash);
    const child = await startChild(options);
    await child.stop();
    expect((await child.exited).code).toBe(0);
    expect(readFileSync(options.logFile, 'utf8')).toContain('told to stop');
  });

  it('is killed when it does not stop in time', async () => {
    const options = await optionsFor(`deaf-${kind}`, `${HTTP_SERVER}; process.on('SIGTERM', () => undefined)`, leash);
    const child = await startChild(options);
    await child.stop(100);
    expect((await child.exited).signal).toBe('SIGKILL');
    expect(await options.isReady()).toBe(false);
  });

  it('passes its exit code on when it ends by itself', async () => {
    const script = `${HTTP_SERVER}; server.on('request', ({ url }) => { if (url === '/end') process.exit(7); })`;
    const options = await optionsFor(`ends-${kind}`, script, leash);
    const child = await startChild(options);
    await fetch(`http://127.0.0.1:${options.args.at(-1)}/end`).catch(() => undefined);
    expect(await child.exited).toEqual({ code: 7, signal: null });
  });

  it('does not outlive whoever started it, killed without warning', async () => {
    const holder = fileURLToPath(new URL('test/holds-a-server.ts', import.meta.url));
    const logFile = join(folder, `orphan-${kind}.log`);
    const script = `${HTTP_SERVER}; console.log('port', process.argv[1]);`;
    const parent = spawn(process.execPath, [holder, kind, logFile, script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(parent.stdout, 'data');
    const port = Number(/port (\d+)/.exec(readFileSync(logFile, 'utf8'))?.[1]);
    expect(await answers(port)).toBe(true);
    parent.kill('SIGKILL');
    expect(await waitUntil(async () => !(await answers(port)), { timeoutMs: 10_000, everyMs: 20 })).toBe(true);
  });
});

describe('A server that does not start', () => {
  it('is reported with its exit code and its last words', async () => {
    const options = await optionsFor('dies', `console.error('no such setting'); process.exit(3)`);
    const failure = await startChild(options).catch((cause: unknown) => cause);
    expect(failure).toBeInstanceOf(StartFailure);
    expect(failure).toMatchObject({
      message: expect.stringContaining('The server ended with exit code 3 while starting'),
      logLines: ['no such setting'],
    });
  });

  it('is recognised by what it said of a full disk', async () => {
    const options = await optionsFor('full', `console.error('write: No space left on device'); process.exit(1)`);
    await expect(startChild(options)).rejects.toThrow('because the disk is full');
  });

  it('is stopped and reported when it never answers', async () => {
    const options = await optionsFor('silent', 'setInterval(() => undefined, 1000)', { readyTimeoutMs: 200 });
    await expect(startChild(options)).rejects.toThrow('The server did not answer in time');
  });

  it('is reported when there is no such program', async () => {
    const options = await optionsFor('absent', '', { command: '/nowhere/server' });
    await expect(startChild(options)).rejects.toBeInstanceOf(StartFailure);
  });
});
