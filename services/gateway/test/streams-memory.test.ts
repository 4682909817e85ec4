import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { endpoint } from '@tenantry/contract/endpoint.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { steadyPort } from '../../../tests/support/steady-port.ts';
import { openSetting, type Setting } from './setting.ts';

const MEBIBYTE = 1_048_576;
const FILE_MEBIBYTES = 300;
const PIECE = Buffer.alloc(MEBIBYTE, 'x');
/** What a file held whole would need is several times this; the heap's own growth is well below it. */
const MAX_GROWTH_MEBIBYTES = 90;

const download = endpoint({ name: 'files.read', method: 'GET', path: '/v1/files', summary: 'x', access: 'public' });
const small = endpoint({ name: 'files.small', method: 'GET', path: '/v1/small', summary: 'x', access: 'public' });
const upload = endpoint({
  name: 'files.write',
  method: 'POST',
  path: '/v1/files',
  summary: 'x',
  access: 'public',
  maxBodyBytes: 100 * MEBIBYTE,
  streamsBody: true,
});

let setting: Setting;
let gateway: ChildProcess;
let gatewayUrl: string;

beforeAll(async () => {
  setting = await openSetting();
  await setting.rawService('files', [download, small, upload], (request, response) => {
    if (request.method === 'POST') {
      let size = 0;
      request.on('data', (chunk: Buffer) => {
        size += chunk.length;
      });
      request.on('end', () => response.end(String(size)));
      return;
    }
    request.resume();
    if (request.url === '/v1/small') {
      response.end('ok');
      return;
    }
    response.setHeader('content-length', FILE_MEBIBYTES * MEBIBYTE);
    let written = 0;
    const more = (): void => {
      while (written < FILE_MEBIBYTES) {
        written++;
        if (!response.write(PIECE)) {
          response.once('drain', more);
          return;
        }
      }
      response.end();
    };
    more();
  });
  // A process of its own, as this one's memory says nothing.
  const port = await steadyPort();
  gatewayUrl = `http://127.0.0.1:${port}`;
  gateway = spawn(process.execPath, [new URL('../start.ts', import.meta.url).pathname], {
    env: { ...process.env, ...setting.environment, PORT: String(port) },
    stdio: 'ignore',
  });
  await eventually(async () => expect((await fetch(`${gatewayUrl}/v1/small`)).status).toBe(200), 90_000);
}, 120_000);
afterAll(async () => {
  if (gateway.exitCode === null) {
    const ended = once(gateway, 'exit');
    gateway.kill('SIGKILL');
    await ended;
  }
  await setting.close();
});

/** Of the processes that answer, which are children of the one that was started. */
function residentMebibytes(): number {
  const table = execFileSync('ps', ['-A', '-o', 'ppid=,rss='], { encoding: 'utf8' });
  const rows = table.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
  const kilobytes = rows.filter(([parent]) => parent === gateway.pid).reduce((sum, [, rss = 0]) => sum + rss, 0);
  if (kilobytes === 0) throw new Error('There is no process that answers.');
  return kilobytes / 1_024;
}

async function growthDuring(transfer: () => Promise<void>): Promise<number> {
  const before = residentMebibytes();
  let most = before;
  const sampling = setInterval(() => {
    most = Math.max(most, residentMebibytes());
  }, 200);
  await transfer().finally(() => clearInterval(sampling));
  return Math.max(most, residentMebibytes()) - before;
}

describe('The memory of a gateway', () => {
  it(`does not grow with a download of ${FILE_MEBIBYTES} MiB, also when the client pauses in between`, async () => {
    let size = 0;
    const growth = await growthDuring(async () => {
      const request = httpRequest(`${gatewayUrl}/v1/files`);
      request.end();
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      let pauses = 5;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (pauses > 0 && size > (6 - pauses) * 40 * MEBIBYTE) {
          pauses--;
          response.pause();
          setTimeout(() => response.resume(), 200);
        }
      });
      await once(response, 'end');
    });
    expect(size).toBe(FILE_MEBIBYTES * MEBIBYTE);
    expect(growth).toBeLessThan(MAX_GROWTH_MEBIBYTES);
  }, 180_000);

  it('does not grow with uploads of 300 MiB together', async () => {
    let taken = 0;
    const growth = await growthDuring(async () => {
      const send = async (): Promise<void> => {
        const request = httpRequest(`${gatewayUrl}/v1/files`, { method: 'POST' });
        const answered = once(request, 'response') as Promise<[IncomingMessage]>;
        for (let i = 0; i < 100; i++) if (!request.write(PIECE)) await once(request, 'drain');
        request.end();
        const [response] = await answered;
        let text = '';
        for await (const chunk of response) text += chunk;
        taken += Number(text);
      };
      await Promise.all([send(), send(), send()]);
    });
    expect(taken).toBe(300 * MEBIBYTE);
    expect(growth).toBeLessThan(MAX_GROWTH_MEBIBYTES);
  }, 180_000);
});
