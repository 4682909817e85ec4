import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { steadyPort } from '../../../tests/support/steady-port.ts';
import { readNote, readPublic } from './endpoints.ts';
import { exchangeRaw } from './raw-notes.ts';
import { openSetting, type Setting } from './setting.ts';

let setting: Setting;
let gateway: ChildProcess;
let gatewayUrl: string;
let token: string;
let tenantId: string;
let lines: string[] = [];

beforeAll(async () => {
  setting = await openSetting();
  ({ id: tenantId } = await setting.tenant());
  token = setting.token((await setting.tenant({ slug: 'logged' })).id);
  await setting.rawService('notes', [readNote, readPublic], (request, response) => {
    if (request.url?.includes('dies') === true) response.destroy();
    else response.end('{}');
  });
  const port = await steadyPort();
  gatewayUrl = `http://127.0.0.1:${port}`;
  // A process of its own, as what counts is what comes out of it.
  gateway = spawn(process.execPath, [new URL('../start.ts', import.meta.url).pathname], {
    env: { ...process.env, ...setting.environment, PORT: String(port), LOG_LEVEL: 'info' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (gateway.stdout === null) throw new Error('It has no output.');
  createInterface({ input: gateway.stdout }).on('line', (line) => lines.push(line));
  await eventually(async () => {
    const { status } = await fetch(`${gatewayUrl}/v1/notes/1`, { headers: { authorization: `Bearer ${token}` } });
    if (status !== 200) throw new Error(`answered ${status}`);
  }, 90_000);
  // Lines are gathered before they are written: this one must not be taken for a test's.
  await eventually(() => expect(lines.join()).toContain('"status":200'), 90_000);
}, 120_000);
afterAll(async () => {
  if (gateway.exitCode === null) {
    const ended = once(gateway, 'exit');
    gateway.kill('SIGKILL');
    await ended;
  }
  await setting.close();
});
beforeEach(() => {
  lines = [];
});

/** The lines of requests, as soon as there are so many. Every line must be JSON of its own. */
async function requestsLogged(count: number): Promise<Record<string, unknown>[]> {
  const read = () => lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  const requests = () => read().filter(({ msg }) => msg === 'request');
  await eventually(() => expect(requests().map(({ status }) => status)).toHaveLength(count));
  return requests();
}

describe('The log of a gateway', { timeout: 60_000 }, () => {
  it('has one line for each request, by route and not by path, with what it takes to follow it', async () => {
    const trace = '0af7651916cd43dd8448eb211c80319c';
    const headers = { authorization: `Bearer ${token}`, traceparent: `00-${trace}-b7ad6b7169203331-01` };
    await fetch(`${gatewayUrl}/v1/notes/budi@example.com?q=private`, { headers });
    const [line] = await requestsLogged(1);
    expect(line).toMatchObject({
      ...{ level: 'info', service: 'gateway', traceId: trace, method: 'GET', route: '/v1/notes/:noteId', status: 200 },
      tenantId: expect.stringMatching(/^ten_/),
      upstream: expect.stringMatching(/^notes-/),
      durationMs: expect.any(Number),
    });
    expect(lines.join()).not.toMatch(/budi|private/);
  });

  it('has nothing in it that a client wrote: no line of its own, no field, no secret', async () => {
    const auth = `Host: g\r\nConnection: close\r\n`;
    const forged = '{"level":"info","service":"gateway","msg":"forged"}';
    const attacks = [
      `GET /v1/notes/1%0a${encodeURIComponent(forged)} HTTP/1.1\r\n${auth}\r\n`,
      `GET /v1/forged","msg":"forged HTTP/1.1\r\n${auth}\r\n`,
      `GET /v1/public-notes?forged=%22%7d%0a HTTP/1.1\r\n${auth}User-Agent: ${forged}\r\nReferer: ${forged}\r\n\r\n`,
      `GET /v1/notes/1 HTTP/1.1\r\n${auth}traceparent: 00-","msg":"forged","x":"-b7ad6b7169203331-01\r\n\r\n`,
      `GET /v1/notes/1 HTTP/1.1\r\n${auth}X-Forwarded-For: ${forged}\r\nX-Tenant-Id: ${forged}\r\n\r\n`,
      `GET /v1/notes/1 HTTP/1.1\r\n${auth}Authorization: Bearer forged.${forged}.x\r\n\r\n`,
      `GET /v1/notes/1 HTTP/1.1\r\n${auth}Authorization: Bearer ${token}\r\nX-Tenant-Id: ${tenantId}\r\n\r\n`,
      `GET /v1/notes/dies-forged HTTP/1.1\r\n${auth}Authorization: Bearer ${token}\r\n\r\n`,
      `PROPFIND /v1/forged HTTP/1.1\r\n${auth}\r\n`,
    ];
    for (const attack of attacks) await exchangeRaw(gatewayUrl, [attack]);
    const logged = await requestsLogged(attacks.length);
    expect(logged.map(({ status }) => status).toSorted()).toEqual([200, 400, 400, 401, 401, 401, 403, 404, 503]);
    expect(lines.join('\n')).not.toContain('forged');
    for (const part of token.split('.')) expect(lines.join('\n')).not.toContain(part);
  });
});
